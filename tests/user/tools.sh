# vmrun: --smp 1,2 --timeout 60
# Programs for files: mount umount df sync ln stat touch find md5sum wc head grep.
fail() { echo "line $1: $2"; exit 1; }
same() { [ "$2" = "$3" ] || fail "$1" "got '$2', expected '$3'"; }
status() { shift; "$@" > /dev/null 2>&1; echo $?; }

mkdir -p /tmp/t/a/b; cd /tmp/t
echo one > a/f; echo two two > a/b/g; echo Three > a/b/h

same 1 "$(wc a/f a/b/g)" "1 1 4 a/f
1 2 8 a/b/g
2 3 12 total"
same 2 "$(cat a/f a/b/g | wc)" "2 3 12"
same 3 "$(wc -l a/f)" "1 a/f"
same 4 "$(echo -n 'no end' | wc -lw)" "0 2"
same 5 "$(status x wc none)" 1; same 6 "$(status x wc -z)" 2

i=0; while [ $i -lt 30 ]; do i=$((i+1)); echo $i; done > n
same 10 "$(head -n 3 n)" "1
2
3"
same 11 "$(head n | wc -l)" 10
same 12 "$(head -c 4 n | wc -c)" 4
same 13 "$(head -n 1 n a/f)" "==> n <==
1

==> a/f <==
one"
same 14 "$(head -n 0 n)" ""; same 15 "$(status x head -n x n)" 2

same 20 "$(grep two a/b/g)" "two two"
same 21 "$(grep -r -l o a)" "a/b/g
a/f"
same 22 "$(grep -n '^[12].$' n | head -n 2)" "10:10
11:11"
same 23 "$(grep -c 1 n)" 12
same 24 "$(grep -vc 1 n)" 18
same 25 "$(grep -i three a/b/h)" Three
same 26 "$(grep -E '^(7|8)$' n)" "7
8"
same 27 "$(grep -x 3 n)" 3
same 28 "$(grep -F '1.' n)" ""
same 29 "$(status x grep -q 1 n) $(status x grep -q x n) $(status x grep x none) \
$(status x grep)" "0 1 2 2"
same 30 "$(grep two a/f a/b/g)" "a/b/g:two two"
same 31 "$(cat n | grep -e 22)" 22
same 32 "$(status x grep '\(' n)" 2

same 40 "$(find a -name '[gh]')" "a/b/g
a/b/h"
same 41 "$(find a -type d)" "a
a/b"
same 42 "$(find a -maxdepth 1 -type f)" a/f
same 43 "$(status x find none) $(status x find a -what)" "1 2"
same 44 "$(find a -print0 | wc -c)" 22

# RFC 1321 has these
same 50 "$(echo -n '' | md5sum)" "d41d8cd98f00b204e9800998ecf8427e  -"
same 51 "$(echo -n 'message digest' | md5sum)" "f96b697d7cb7938d525a2f31aaf161d0  -"
same 52 "$(echo -n 12345678901234567890123456789012345678901234567890123456789012345678901234567890 \
	| md5sum)" "57edf4a22be3c955ac49da2e2107b67a  -"
md5sum a/f n > sums
same 53 "$(md5sum -c sums)" "a/f: OK
n: OK"
echo 31 >> n; same 54 "$(md5sum -c sums)" "a/f: OK
n: FAILED"
same 55 "$(status x md5sum -c sums) $(status x md5sum none)" "1 1"

ln a/f l; same 60 "$(stat l | grep -c 'Links: 2')" 1
ln -s a/f s; same 61 "$(cat s)" one
same 62 "$(status x ln a/f l)" 1; ln -f n l; same 63 "$(head -n 1 l)" 1
ln -sf n s; same 64 "$(ls -l s | grep -c -e '-> n')" 1
ln a/f n a/b; same 65 "$(ls a/b)" "f
g
h
n"
same 66 "$(status x ln) $(status x ln a/f n none)" "2 1"

touch new; same 70 "$(stat new | grep -c 'Size: 0 ')" 1
touch -d @0 new; same 71 "$(stat new | grep Modify)" \
	"Modify: 1970-01-01 00:00:00.000000000 +0000"
touch -r new a/f; same 72 "$(stat a/f | grep -c 1970-01-01)" 2
touch -m -d @86400 new; same 73 "$(stat new | grep -c '1970-01-02')" 1
touch -c none; same 74 "$(status x stat none)" 1
same 75 "$(status x touch -d 0 new)" 2
same 76 "$(stat s | head -n 1)" "  File: s -> n"
same 77 "$(stat -L s | grep -c 'regular file')" 1
same 78 "$(stat /dev/null | grep -c 'Device type: 1,3')" 1
same 79 "$(stat -f / | grep -c 'Type: \(1021994\|ef53\)')" 1

mkdir m
mount -t tmpfs -o size=64k,nosuid,noexec mine m
same 80 "$(mount | grep 'on /tmp/t/m ')" \
	"mine on /tmp/t/m type tmpfs (rw,nosuid,noexec,relatime,size=64k)"
same 81 "$(mount -t tmpfs | wc -l)" 2
dd if=/dev/zero of=m/z bs=4096 count=4 2> /dev/null
same 82 "$(df m | grep -v Filesystem)" \
	"mine                        64        16        48  25% /tmp/t/m"
same 83 "$(df -h m | grep -c 64K)" 1
same 84 "$(df | grep -c '/tmp/t/m$')" 1
mount -o remount,ro m; same 85 "$(status x touch m/x)" 1
mount -o remount m; touch m/x || fail 86 remount
cd m; same 87 "$(status x umount /tmp/t/m)" 1; umount -l /tmp/t/m || fail 88 lazy
cd /tmp/t; same 89 "$(ls m)" ""
same 90 "$(status x mount -t none x m) $(status x mount x m) $(status x umount m) \
$(status x umount) $(status x mount m) $(status x df none)" "1 1 1 2 2 1"
mount -t proc proc m; same 91 "$(head -n 1 m/self/comm)" head; umount m

sync; sync n; sync -f n; same 95 "$(status x sync none) $(status x sync -x)" "1 2"
same 96 "$(status x mount -x) $(status x umount -x) $(status x df -x) \
$(status x ln -x) $(status x stat -x) $(status x touch -x) $(status x head -x)" \
"2 2 2 2 2 2 2"
cd /; rm -r /tmp/t
