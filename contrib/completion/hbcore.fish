# SPDX-License-Identifier: Apache-2.0
# Completion of hbcore for fish. The program itself says how a word can go on.

function __hbcore_answer
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    # An unfinished quote or a backslash is fish's own; the program wants the word itself.
    set current (string unescape -- $current; or echo -- $current)
    set -l answers ($program completion words -- $words[2..] "$current" 2>/dev/null)
    set -l head (string match -r -- '^--[^=]*=' $current)
    switch "$answers[1]"
        case \tfiles
            __fish_complete_path (string replace -- "$head" '' "$current") | string replace -r '^' -- "$head"
        case \tdirectories
            __fish_complete_directories (string replace -- "$head" '' "$current") '' | string replace -r '^' -- "$head"
        case '*'
            string join -- \n $answers
    end
end

complete -c hbcore -f -a '(__hbcore_answer)'
