# SPDX-License-Identifier: BSD-2-Clause
# Completion for fish: reel itself says what could come next (format/complete.h).

function __reel_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l word $words[-1]
    for line in ($words[1] --complete $words[2..-1] 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (string replace -r '^--[^=]*=' '' -- $word)
            case :users
                __fish_complete_users
            case :pids
                __fish_complete_pids
            case :commands
                __fish_complete_subcommand
            case '*'
                echo $line
        end
    end
end

complete -c reel -f -a '(__reel_complete)'
