"""What is asked about whose a listening port is: the program behind it, and what would start that program again."""

from __future__ import annotations

from lockdown.facts import owners
from lockdown.host.asked import Script, Sources

# For each listening socket: its program; the unit, by the control group of the process or, where systemd itself holds
# the port open, by its list of sockets; the package, by the lists of dpkg; the init script, by the package or, for what
# came with none, the only one that names the program. A script's program is the script, not its interpreter.
# Programs are looked up in both places where /usr was merged.
_OWNERS = r"""
lists=/var/lib/dpkg/info
sockets=""
[ -d /run/systemd/system ] && sockets=$(systemctl list-sockets --no-legend --no-pager 2>/dev/null)

program_of() {
    file=$(readlink "/proc/$1/exe" 2>/dev/null) || file=""
    file=${file% (deleted)}
    case "${file##*/}" in
    python*|perl*|ruby*|node*|java|php*|sh|bash|dash|busybox)
        for word in $(tr '\0\n' '  ' 2>/dev/null <"/proc/$1/cmdline" | cut -c 1-2000); do
            case "$word" in /*) [ -f "$word" ] && [ "$word" != "$file" ] && case "${word##*/}" in
                python*|perl*|ruby*|node*|java|php*|sh|bash|dash|busybox|env) ;; *) file=$word; break ;; esac ;;
            esac
        done ;;
    esac
    printf '%s' "${file:--}" | tr ' \t\n' '___'
}
unit_of() {
    unit=$(sed -n 's#^.*/\([^/]*\.\(service\|scope\)\)\(/.*\)\{0,1\}$#\1#p' "/proc/$1/cgroup" 2>/dev/null | tail -n 1)
    [ "$unit" = init.scope ] && unit=$(printf '%s\n' "$sockets" | awk -v end=":$2" '
        substr($1, length($1) - length(end) + 1) == end { print $2; exit }')
    case "$unit" in *.service|*.socket) printf %s "$unit" ;; *) printf -- - ;; esac
}
package_of() {
    case "$1" in
    /usr/*) grep -lxF -e "$1" -e "${1#/usr}" "$lists"/*.list 2>/dev/null ;;
    /*) grep -lxF -e "$1" -e "/usr$1" "$lists"/*.list 2>/dev/null ;;
    esac | head -n 1 | sed 's#.*/##; s#\.list$##; s#:.*##'
}
script_of() {
    of_package=""
    [ "$2" != - ] && of_package=$(cat "$lists/$2.list" "$lists/$2":*.list 2>/dev/null | sed -n 's#^/etc/init\.d/##p')
    [ "$(printf '%s' "$of_package" | grep -c .)" = 1 ] || of_package=""
    if [ -z "$of_package" ] && [ "$1" != - ]; then
        of_package=$(grep -lF -e "$1" /etc/init.d/* 2>/dev/null | sed 's#.*/##')
        [ "$(printf '%s' "$of_package" | grep -c .)" = 1 ] || of_package=""
    fi
    printf %s "${of_package:--}"
}

ss -H -lnptu | sed 's/%[^]: ]*\(\]*:\)/\1/' | awk '{
    pid = match($0, /,pid=[0-9]+/) ? substr($0, RSTART + 5, RLENGTH - 5) : "-"
    print $1, $5, pid
}' | grep -v -e ' 127\.' -e ' \[::1\]' -e '::ffff:127\.' | sort -u | head -n 200 | {
    seen=""
    while read -r protocol place pid; do
        if [ "$pid" = - ]; then echo "$protocol $place - - - -"; continue; fi
        program=$(program_of "$pid")
        key="$program
"
        case "$seen" in
        *"|$key"*) rest=${seen#*"|$key"}; rest=${rest%%
*} ;;
        *)  package=$(package_of "$program"); package=${package:--}
            rest="$package $(script_of "$program" "$package")"
            seen="$seen|$key$rest
" ;;
        esac
        echo "$protocol $place $program $(unit_of "$pid" "${place##*:}") $rest"
    done
}
true
"""


def sources() -> Sources:
    """The one reading."""
    return {owners.SOURCE: Script(_OWNERS, seconds=20)}
