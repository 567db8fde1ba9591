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

same 97 "$(df -h | head -n 1)" \
"Filesystem                Size      Used Available Use% Mounted on"
same 98 "$(df -PT / | grep -c -e tmpfs -e ext2) $(df -i / | grep -c Inodes)" "1 1"
same 99 "$(ls -d a) $(ls -ld a | grep -c ^d)" "a 1"

# options of POSIX, and the usual ones besides
same 100 "$(head -2 n)" "1
2"
same 101 "$(head -q -n 1 n a/f)" "1
one"
same 102 "$(head -v -n 1 n)" "==> n <==
1"
same 103 "$(echo -n abc | wc -m)" 3
echo 'one two' > p; echo three >> p; echo >> p; echo 'four one_ one' >> p
same 110 "$(grep -e two -e three p)" "one two
three"
echo three > pats; echo two >> pats
same 111 "$(grep -f pats p)" "one two
three"
: > none; same 112 "$(status x grep -f none p)" 1; rm none
same 113 "$(grep -w one p | wc -l) $(grep -wc one_ p) $(status x grep -w tw p)" \
"2 1 1"
same 114 "$(grep -o 'o[a-z]*' p)" "one
o
our
one
one"
same 115 "$(grep -on '[a-z]*e' p)" "1:one
2:three
4:one
4:one"
same 116 "$(grep -Fow one p | wc -l)" 2
same 117 "$(grep -H three p)" p:three
same 118 "$(grep -L three p n a/f)" "n
a/f"
same 119 "$(grep -m 1 o p) $(grep -vm 1 o p)" "one two three"
same 120 "$(grep -s x gone 2>&1; echo $?)" 2
same 121 "$(grep -F 'x
two' p)" "one two"
same 122 "$(status x grep -x one p) $(grep -cxi THREE p) $(grep -Fxc three p)" \
"1 1 1"

mkdir -p e/d/dd; echo x > e/d/x; echo yy > e/y; : > e/empty; ln -s y e/l
same 130 "$(find e '!' -type d -name '[xy]' -o -name dd)" "e/d/dd
e/d/x
e/y"
same 131 "$(find e -type f '(' -name x -o -name y ')' -size -4c)" "e/d/x
e/y"
same 132 "$(find e -type f -size 2c) $(find e -size +2c -type f)" "e/d/x e/y"
same 133 "$(find e -empty -name 'e*') $(find e -empty -type d)" \
"e/empty e/d/dd"
same 134 "$(find e -depth -type d)" "e/d/dd
e/d
e"
same 135 "$(find e -name d -prune -o -type f -print)" "e/y
e/empty"
same 136 "$(find e -type f -exec echo got {} ';')" "got e/d/x
got e/y
got e/empty"
same 137 "$(find e -type f -exec echo got {} +)" "got e/d/x e/y e/empty"
same 138 "$(find e -name y -exec test -d {} ';' -print)" ""
same 139 "$(find e -mindepth 1 -maxdepth 1 -type d)" e/d
same 140 "$(find -L e/l -type f) $(find e/l -type l)" "e/l e/l"
touch -d @100 e/y; touch -d @200 e/d/x
same 141 "$(find e -newer e/y -name x) $(find e -mtime +10 -name y)" \
"e/d/x e/y"
same 142 "$(find e -path 'e/d/*' -iname X) $(find e -links 3 -name d)" "e/d/x e/d"
same 143 "$(status x find e -name) $(status x find e '(' -name x) \
$(status x find e -type q) $(status x find e -size 4q) $(status x find e -exec a) \
$(status x find e -newer gone) $(status x find e -o)" "2 2 2 2 2 1 2"
mkdir -m 750 e/m; same 144 "$(find e -perm 750) $(find e -perm -710 -name m)" \
"e/m e/m"
same 145 "$(find e -type f -delete; find e)" "e
e/d
e/d/dd
e/l
e/m"
find e -delete; same 146 "$(status x find e)" 1

touch -t 200102030405.06 q; same 150 "$(stat -c '%Y %y' q)" \
"981173106 2001-02-03 04:05:06.000000000 +0000"
touch -d '2001-02-03 04:05:06' q; same 151 "$(stat -c %Y q)" 981173106
touch -d 1970-01-02 q; same 152 "$(stat -c %Y q)" 86400
touch -t 9901010000 q; same 153 "$(stat -c %Y q)" 915148800
same 154 "$(status x touch -t 1 q) $(status x touch -t 200113010000 q) \
$(status x touch -d 2001-02-30 q) $(status x touch -d yesterday q)" "2 2 2 2"
ln -s gone sl; touch -h -d @77 sl; same 155 "$(stat -c %Y sl)" 77
echo abc > fresh; same 156 "$(stat -c '%n:%s:%F:%a:%A:%h:%u%%' fresh)" \
"fresh:4:regular file:644:-rw-r--r--:1:0%"
same 157 "$(stat -c %F a /dev/null sl) $(stat -L -c %s s)" "directory
character special file
symbolic link $(wc -c n | grep -o '^[0-9]*')"
same 158 "$(status x stat -c %q n) $(status x stat -c %s gone)" "2 1"

echo keep > k; ln -f k k 2> err; same 160 "$? $(cat k)" "1 keep"
ln -sf k ./k 2> err; same 161 "$? $(cat k)" "1 keep"
ln k k2; ln -f k k2; same 162 "$? $(stat -c %h k)" "0 2"
mkdir dir; ln -s dir dl; ln -sfn k dl; same 163 "$(stat -c %N dl)" "'dl' -> 'k'"
same 164 "$(status x rmdir dir) $(status x rmdir dir) $(status x rmdir a) \
$(status x rmdir)" "0 1 1 2"
mkdir -p r/s/t; rmdir -p r/s/t; same 165 "$(status x find r)" 1
mkdir -m 2711 sg; same 166 "$(stat -c %a sg) $(status x mkdir -m 9 z)" "2711 2"
sync -d k; same 167 $? 0

# a tree with what is no file in it, and into itself
mkdir t; ln -s gone t/l; echo f > t/f; cp -r t u
same 170 "$(stat -c %N u/l) $(cat u/f)" "'u/l' -> 'gone' f"
cp -r t t/in 2> err; same 171 "$? $(find t/in)" "1 t/in
t/in/l
t/in/f"
cd /; rm -r /tmp/t
