# SPDX-License-Identifier: BSD-2-Clause
# Completion for bash: reel itself says what could come next (format/complete.h).

_reel()
{
	local words=() word line before i
	# bash breaks words at "=", reel does not.
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ $i -gt 1 && ( $word == = || ${COMP_WORDS[i - 1]} == = ) && ${#words[@]} -gt 0 ]]; then
			words[-1]+=$word
		else
			words+=("$word")
		fi
	done
	word=${words[-1]}
	before=
	[[ $word != *=* || $COMP_WORDBREAKS != *=* ]] || before=${word%%=*}=
	COMPREPLY=()
	while IFS= read -r line; do
		case $line in
		:files) mapfile -t COMPREPLY < <(compgen -f -- "${word#"$before"}"); compopt -o filenames 2>/dev/null ;;
		:users) mapfile -t COMPREPLY < <(compgen -u -- "${word#"$before"}") ;;
		:commands) mapfile -t COMPREPLY < <(compgen -c -- "$word") ;;
		:pids) mapfile -t COMPREPLY < <(compgen -W "$(cd /proc && echo [0-9]*)" -- "${word#"$before"}") ;;
		*) line=${line%%$'\t'*}; COMPREPLY+=("${line#"$before"}") ;;
		esac
	done < <("${COMP_WORDS[0]}" --complete "${words[@]}" 2>/dev/null)
}

complete -F _reel reel
