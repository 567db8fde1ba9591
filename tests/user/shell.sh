# vmrun: --smp 1,4 --timeout 60
# The shell and the small programs, with each other.
set -e
fail() { echo "line $1: $2"; exit 1; }
same() { [ "$2" = "$3" ] || fail "$1" "got '$2', expected '$3'"; }

mkdir -p /tmp/sh/a/b
cd /tmp/sh
echo one > a/f; echo two >> a/f
same 10 "$(cat a/f)" "one
two"
cp -r a c; same 12 "$(cat c/f)" "$(cat a/f)"
mv c/f c/g; same 13 "$(ls c)" "b
g"
same 15 "$(ls -l c/g | cat | while read m n u g s r; do echo $m $s; done)" \
	"-rw-r--r-- 8"
rm -r c; [ ! -e c ] || fail 17 "c is still there"
same 18 "$(echo 'hello world 1234' | hexdump -C)" \
"00000000  68 65 6c 6c 6f 20 77 6f  72 6c 64 20 31 32 33 34  |hello world 1234|
00000010  0a                                                |.|
00000011"
dd if=/dev/zero of=z bs=4K count=25 2>/dev/null
same 23 "$(ls -l z | while read m n u g s r; do echo $s; done)" 102400
dd if=z of=y bs=1000 skip=100 2>/dev/null; same 24 "$(hexdump y | cat)" \
"0000000 0000 0000 0000 0000 0000 0000 0000 0000
*
0000960"
rm z y
i=0; while [ $i -lt 20 ]; do i=$((i+1)); true | true | true; done; same 29 $i 20
same 30 "$(for i in 3 1 2; do echo $i; done | cat | cat)" "3
1
2"
sh -c 'exit 7' && fail 33 "exit 7 succeeded" || same 33 $? 7
nothing 2>/dev/null && fail 34 found || same 34 $? 127
sleep 10 & p=$!; kill $p; wait $p 2>/dev/null && fail 35 "" || same 35 $? 143
same 36 "$(uname -m)" riscv64
n=0; vmstat -s > s; while read x; do n=$((n+1)); done < s; same 38 $n 85; rm s
ps > p; n=0; while read x; do n=$((n+1)); done < p; [ $n -ge 3 ] || fail 39 $n
procmap $$ > p; n=0; while read x; do n=$((n+1)); done < p; [ $n -ge 5 ] || fail 40 $n
free > p; n=0; while read x; do n=$((n+1)); done < p; same 41 $n 3; rm p
memhog 2M > /dev/null; memhog -n 3 512K > /dev/null
time true 2> t; same 43 "$(while read a b; do echo $a; done < t)" "real
user
sys
faults"
rm t
ls /nonexistent 2> /dev/null && fail 48 "" || true
cat 2>/dev/null -x && fail 49 "" || same 49 $? 2
sysctl -n vm.uvmexp.pagesize > p; same 50 "$(cat p)" 4096; rm p
cd /; rm -r /tmp/sh
