# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Completion of hbcore for bash. The program itself says how a word can go on.

_hbcore_files()
{
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -A "$1" -- "$2")
}

_hbcore()
{
    local line=${COMP_LINE:0:COMP_POINT} program=$1 word kept answer text tab=$'\t'
    local -a words
    COMPREPLY=()

    # Not COMP_WORDS: those are broken at ':' and '='. Without -r: a backslash keeps a blank in a word.
    # shellcheck disable=SC2162
    read -a words <<<"$line"
    case $line in
    *\\[[:blank:]]) ;;
    *[[:blank:]]) words+=("") ;;
    esac
    word=${words[${#words[@]} - 1]}
    case $program in
    \~/*) program=$HOME/${program#\~/} ;;
    esac

    # Readline replaces only what stands after the last of the characters that break words.
    kept=
    while [[ ${word#"$kept"} == *[=:]* && ${word#"$kept"} =~ ^[^=:]*[=:] ]]; do
        [[ $COMP_WORDBREAKS == *"${BASH_REMATCH[0]: -1}"* ]] || break
        kept+=${BASH_REMATCH[0]}
    done

    while IFS= read -r answer; do
        text=${answer%%"$tab"*}
        case $answer in
        "$tab"files)
            _hbcore_files file "${word#"$kept"}"
            return
            ;;
        "$tab"directories)
            _hbcore_files directory "${word#"$kept"}"
            return
            ;;
        *=*"$tab"*) [[ $text == *= ]] && compopt -o nospace 2>/dev/null ;;
        esac
        printf -v text %q "${text#"$kept"}"
        COMPREPLY+=("$text")
    done < <("$program" completion words -- "${words[@]:1}" 2>/dev/null)
}

complete -F _hbcore hbcore
