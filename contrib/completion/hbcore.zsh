#compdef hbcore
# SPDX-License-Identifier: Apache-2.0
# Completion of hbcore for zsh. The program itself says how a word can go on.

_hbcore()
{
    local answer text tab=$'\t' program=${(Q)words[1]}
    local -a before described open
    # (Q) takes the quotes away; PREFIX is the part of the word before the cursor.
    before=("${(@Q)words[2,CURRENT-1]}")
    program=${program/#\~\//$HOME/}

    for answer in "${(@f)$("$program" completion words -- "${before[@]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
        case $answer in
        "") continue ;;
        "${tab}files" | "${tab}directories")
            [[ $PREFIX == --*=* ]] && compset -P '*='
            if [[ $answer == "${tab}files" ]]; then _files; else _files -/; fi
            return
            ;;
        esac
        text=${answer%%$tab*}
        if [[ $text == *= ]]; then
            open+=("$text")
        else
            described+=("${text//:/\\:}:${answer#*$tab}")
        fi
    done
    (( $#open )) && compadd -S '' -- "${open[@]}"
    (( $#described )) && _describe hbcore described
    (( $#open + $#described ))
}

# Read as a file of $fpath it is called; sourced, it makes itself known.
if [[ $funcstack[1] == _hbcore ]]; then
    _hbcore "$@"
else
    compdef _hbcore hbcore
fi
