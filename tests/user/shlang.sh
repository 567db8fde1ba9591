# vmrun: --smp 1,4 --timeout 60
# The language of the shell: quoting, lists, redirections, variables, status.
fail() { echo "$1: got '$2', expected '$3'"; exit 1; }
same() { [ "$2" = "$3" ] || fail "$@"; }
gives() { same "$1" "$(sh -c "$1" 2>&1)" "$2"; }

mkdir /tmp/lang
cd /tmp/lang
# quoting
x='two  words'
gives "echo 'a  \$HOME \"q\" \\n'" 'a  $HOME "q" \n'
same double "$(echo "<$x> \"q\" \$x \\")" '<two  words> "q" $x \'
same unquoted "$(echo $x)" 'two words'
same escaped "$(echo a\ \ b \$x \; \# \|)" 'a  b $x ; # |'
same joined "$(echo a"b c"'d e'f)" 'ab cd ef'
same empty "$(set -- "" '' $nothing; echo $#)" 2
same lines "$(echo "one
two")" 'one
two'
gives 'echo a # b' a
gives 'echo a\
b' ab
# lists
gives 'true && echo yes' yes
gives 'false && echo no' ''
gives 'false || echo yes' yes
gives 'true || echo no' ''
gives 'false && echo no || echo yes; echo end' 'yes
end'
gives '! true; echo $?' 1
# redirections
echo one > f; same '>' "$(cat f)" one
echo two > f; same '> again' "$(cat < f)" two
echo three >> f; same '>>' "$(cat f | cat | cat)" 'two
three'
ls /nowhere 2> err > out; same '2>' "$(cat err)" 'ls: /nowhere: No such file or directory'
ls /nowhere > both 2>&1; same '2>&1' "$(cat both)" "$(cat err)"
gives 'echo x > /nowhere/f; echo $?' 'sh: /nowhere/f: No such file or directory
1'
gives 'cat < /nowhere; echo $?' 'sh: /nowhere: No such file or directory
1'
# status
gives 'exit 5' ''; sh -c 'exit 5'; same exit $? 5
gives 'false; echo $?; echo $?' '1
0'
gives '(exit 9); s=$?; echo $s' 9
gives 'false; s=$? t=$?; echo $s $t $?' '1 1 0'
gives 's=$(exit 4); echo $?' 4
gives 'false; $nothing; echo $?' 0
gives 'true | false; echo $?; false | true; echo $?' '1
0'
gives 'nothing; echo $?' 'sh: nothing: not found
127'
gives '/etc/passwd; echo $?' 'sh: /etc/passwd: Permission denied
126'
gives 'sh -c "kill -9 \$\$"; echo $?' 'Killed
137'
gives 'echo "a' 'sh: syntax error: unexpected end of input in a word'; sh -c '|' 2>err; same syntax $? 2
# variables, cd, background, a script
gives 'a=1; b=$a${a}2; echo $b ${c-none} ${#b}; unset a; echo "<$a>"' '112 none 3
<>'
gives 'a=1 sh -c "echo \$a"; echo "<$a>"; export a=2; sh -c "echo \$a"' '1
<>
2'
gives 'cd /tmp/lang; echo $PWD; cd ..; echo $PWD; cd /nowhere; echo $?' '/tmp/lang
/tmp
sh: cd: /nowhere: No such file or directory
1'
gives 'sleep 0.2 & p=$!; kill -0 $p; echo $?; wait $p; echo $?' '0
0'
gives '(exit 6) & wait $!; echo $?' 6
cat > script < /dev/null
echo 'echo $0 $# "$2"; for i in "$@"; do echo "<$i>"; done; exit 3' > script
same script "$(sh script a 'b  c')" 'script 2 b  c
<a>
<b  c>'
sh script > out; same 'script exits' $? 3
echo 'echo read' > more; same dot "$(. ./more)" read

# Wrong use of a program: its line of help, and a status that is not 0.
for wrong in 'cat -Z' 'ls -Z' mkdir 'rm -Z' 'cp a' 'mv a' 'dd foo=1' \
	'hexdump -Z' kill 'kill -h' sleep 'sleep x' 'uname -Z' 'uptime x' time \
	'vmstat x' 'vmstat -Z' 'procmap x' 'ps x' 'free x' memhog 'memhog 0' \
	'swapctl x' 'swapon' 'swapoff' 'sysctl -Z' 'ipcs x' 'ipcrm x'
do
	$wrong > out 2> err && fail "$wrong" 'status 0' error
	set -- $wrong
	case "$(cat err)" in
	*"usage: $1 "* | "usage: $1") ;;
	*) fail "$wrong" "$(cat err)" "its help" ;;
	esac
done
cd /
rm -r /tmp/lang
