# bash completion of posternctl: commands and arguments come from posternctl help, names from the running service

# The ids that `posternctl queue list`, `badmail list` or `sessions` shows.
_posternctl_ids()
{
	local list=()
	[[ $1 == sessions ]] || list=(list)
	"$control" "${options[@]}" "$1" "${list[@]}" 2>/dev/null | awk '{ print $1 }' | grep -E '^[0-9a-z-]{3,}$'
}

# Keys as get, set and unset name them: those of the virtual server that the line names, or of postern.ini.
_posternctl_keys()
{
	local name=() word
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $word == "$command" || $word == -* || $word == *[.=/]* ]] || name=("$word")
	done
	"$control" "${options[@]}" get "${name[@]}" 2>/dev/null | awk '{ print $1 }'
}

# The words that may follow explain, queue, badmail, drop and passwd: names, options, values of some options, and verbs as long as the
# line has none.
_posternctl_words()
{
	local ids names verbs selection='--id --sender --recipient --domain --older --newer --all --json --yes' previous=${COMP_WORDS[COMP_CWORD - 1]}
	names=$("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')
	case $command in
	explain) words="--from --auth --sender --rcpt --size --json $names"; return ;;
	passwd) words="--scram --yescrypt --stdin --delete --list --json $names"; return ;;
	queue) verbs='list show count tally retry hold release delete bounce move evacuate pause resume'; selection+=' --state --held --to --reason --wait' ;;
	badmail) verbs='list show tally retry purge' ;;
	drop) verbs='list show tally delete' ;;
	esac
	case $previous in
	--state) words='active ready waiting held kept' ;;
	--to) words=$names ;;
	--id) words=$(_posternctl_ids "$command") ;;
	--sender | --recipient | --domain | --older | --newer | --reason) words='' ;;
	*)
		words="$verbs $names"
		if [[ " ${COMP_WORDS[*]:0:COMP_CWORD} " =~ \ (${verbs// /|})\  ]]; then
			ids=$(_posternctl_ids "$command")
			words="$names $selection $ids"
		fi
		;;
	esac
}

_posternctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} control=${COMP_WORDS[0]} command='' i
	local options=() usage words=''
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | -s)
			((i + 1 == COMP_CWORD)) && { mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return; }
			options+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
			((i++))
			;;
		--on | --on-timeout)	# what may follow is what this host's service has: the other ones are not asked
			((i + 1 == COMP_CWORD)) && { mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur"); return; }
			((i++))
			;;
		-*) ;;
		*) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	if [[ -z $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W "-c -s --on --on-timeout -V -h $("$control" help 2>/dev/null | awk '/^  [a-z]/ { print $1 }')" -- "$cur")
		return
	fi
	usage=$("$control" help "$command" 2>/dev/null | head -n 1)
	case $command in
	explain | queue | badmail | drop | passwd)
		_posternctl_words
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		[[ $command == passwd && $cur != -* ]] && mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	esac
	case $command in
	certificate)
		words=$("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')
		[[ ${COMP_WORDS[COMP_CWORD - 1]} == certificate ]] || words='show served request self-signed install --json --names --days --type --new-key'
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		[[ " ${COMP_WORDS[*]:0:COMP_CWORD} " == *' install '* && $cur != -* ]] && mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	dkim)
		if [[ ${COMP_WORDS[COMP_CWORD - 1]} == dkim ]]; then
			words='new show check'
		elif [[ ${COMP_WORDS[COMP_CWORD - 2]} == dkim ]]; then
			words=$("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')
		else
			words='--type --bits --days --use --json'
		fi
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	domain)
		if [[ ${COMP_WORDS[COMP_CWORD - 1]} == domain ]]; then
			words='list add set remove rename new'
		elif [[ " list add set remove rename new " == *" ${COMP_WORDS[COMP_CWORD - 1]} "* ]]; then
			words=$("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')
		elif [[ ${COMP_WORDS[COMP_CWORD - 2]} =~ ^(set|remove|rename)$ ]]; then
			words=$("$control" "${options[@]}" domain list "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null | cut -f 1)
		fi
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	operators | viewers)
		words='list add remove --dry-run --json'
		if [[ ${COMP_WORDS[COMP_CWORD - 1]} == "$command" ]]; then
			words+=" $("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')"
		elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == remove ]]; then
			words=$("$control" "${options[@]}" "${COMP_WORDS[@]:COMP_CWORD - 3:2}" list 2>/dev/null | awk '{ print $1 }')
			[[ ${COMP_WORDS[COMP_CWORD - 2]} == "$command" ]] && words=$("$control" "${options[@]}" "$command" list 2>/dev/null | awk '{ print $1 }')
		elif [[ ${COMP_WORDS[COMP_CWORD - 1]} == add ]]; then
			words=$(compgen -u)
		fi
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	hosts)
		words='--json --dry-run'
		if [[ ${COMP_WORDS[COMP_CWORD - 1]} == hosts ]]; then
			words="list pause resume reset $("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')"
		elif [[ " list pause resume reset " == *" ${COMP_WORDS[COMP_CWORD - 1]} "* ]]; then
			words=$("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')
		elif [[ $cur != -* ]]; then
			words=$("$control" "${options[@]}" hosts list "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null | cut -f 1)
		fi
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	tls-reports)
		words="--json $("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')"
		[[ ${COMP_WORDS[COMP_CWORD - 1]} == tls-reports ]] && words+=' list send'
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	get | set | unset)
		words=$(_posternctl_keys)
		[[ $command == set ]] && words=${words//$'\n'/=$'\n'}${words:+=}
		[[ $command == get ]] || words+=' --dry-run'
		((COMP_CWORD > 1)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} == "$command" ]] &&
			words+=" $("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')"
		[[ $command == set ]] && compopt -o nospace 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
		;;
	esac
	case $usage in
	*' probe name '*)	# one name; a recipient may be anybody
		words='--rcpt --send --json'
		[[ ${COMP_WORDS[COMP_CWORD - 1]} == probe ]] && words+=" $("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')"
		[[ ${COMP_WORDS[COMP_CWORD - 1]} == --rcpt ]] && words=''
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		;;
	*'create name '*)	# the name is a new one
		[[ ${COMP_WORDS[COMP_CWORD - 1]} == create ]] || words='listen= domain= description= --from --dry-run'
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		;;
	*'[command]'*)
		mapfile -t COMPREPLY < <(compgen -W "$("$control" help 2>/dev/null | awk '/^  [a-z]/ { print $1 }')" -- "$cur")
		;;
	*'test profile'*)
		mapfile -t COMPREPLY < <(compgen -W "test --smtp --json $("$control" "${options[@]}" config 2>/dev/null | sed -n 's/^\[oauth \(.*\)\]$/\1/p')" -- "$cur")
		;;
	*' web login'*)
		mapfile -t COMPREPLY < <(compgen -W login -- "$cur")
		;;
	*'[name]'* | *' name' | *' name '*)
		words=$(grep -oE -- '--[a-z-]+' <<<"$usage")
		[[ $command == sessions ]] && words='terminate --json --from --user --idle --all --yes'
		[[ " ${COMP_WORDS[*]:0:COMP_CWORD} " == *' terminate '* ]] && words+=" $(_posternctl_ids sessions)"
		mapfile -t COMPREPLY < <(compgen -W "$words $("$control" "${options[@]}" status 2>/dev/null | awk '$1 !~ /^\(/ { print $1 }')" -- "$cur")
		;;
	*--*)
		mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -- '--[a-z-]+' <<<"$usage")" -- "$cur")
		;;
	esac
}
complete -F _posternctl posternctl
