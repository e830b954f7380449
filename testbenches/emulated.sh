#!/usr/bin/env bash
# Runs what is compiled for AVX-512 on an emulated processor, for machines that have none. Takes from minutes to hours: the
# emulator does some ten million instructions per second.
#
#   bash testbenches/emulated.sh test [FILTER...]     the tests of encoders and decoders, or those whose names have a FILTER in them
#   bash testbenches/emulated.sh count [OPTION...]    instructions executed by `seedlm bench encode` with these options
#
# The emulator is Bochs, with a Linux that has nothing but these programs; both are packages of Debian. Bochs' time-stamp counter
# counts instructions, one by one, and Linux there takes its seconds from it. BOCHS names another Bochs, one that was configured
# `--with-nogui --enable-cpu-level=6 --enable-x86-64 --enable-avx --enable-evex` and so has no debugger: it is several times as fast.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
    sed -n 's/^#   //p' "$0" >&2
    exit 2
}
[ $# -ge 1 ] || usage
job=$1
shift
[ "$job" = test ] || [ "$job" = count ] || usage

# file:Debian package
needed=(
    /usr/bin/bochs:bochs
    /usr/lib/x86_64-linux-gnu/bochs/plugins/libbx_term_gui.so:bochs-term
    /usr/share/bochs/BIOS-bochs-latest:bochsbios
    /usr/share/vgabios/vgabios.bin:vgabios
    /usr/lib/ISOLINUX/isolinux.bin:isolinux
    /usr/lib/syslinux/modules/bios/ldlinux.c32:syslinux-common
    /usr/bin/xorriso:xorriso
    /usr/bin/cpio:cpio
    /usr/bin/busybox:busybox-static
    /usr/bin/jq:jq
)
missing=()
for entry in "${needed[@]}"; do
    [ -e "${entry%%:*}" ] || missing+=("${entry##*:}")
done
[ "${#missing[@]}" -eq 0 ] || bash testbenches/packages.sh "${missing[@]}"

top=${CARGO_TARGET_DIR:-target}
mkdir -p "$top/emulated"
top=$(realpath "$top")
made=$top/emulated
room=$(mktemp -d "$made/$job-XXXXXX")
children=()
trap 'kill "${children[@]}" 2>/dev/null || true; rm -rf "$room"' EXIT

# The kernel is a package that is unpacked here and not installed: it is not for this machine.
kernel=$made/vmlinuz
if [ ! -e "$kernel" ]; then
    package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p' | head -n 1)
    [ -n "$package" ] || { echo "the package linux-image-cloud-amd64 is not known here: run apt-get update" >&2; exit 1; }
    (cd "$room" && apt-get --quiet -o APT::Sandbox::User=root download "$package" && dpkg-deb -x linux-image-*.deb kernel)
    cp "$room"/kernel/boot/vmlinuz-* "$kernel"
fi

# Bochs (2.7 and 3.0) refuses loads of many addresses ("gather") whose addresses are in the registers from 16 on; the compiler makes
# some where it turns loops into vectors.
export RUSTFLAGS="${RUSTFLAGS:-} -Ctarget-feature=+prefer-no-gather" CARGO_TARGET_DIR=$made/build
root=$room/root
mkdir -p "$root"/{bin,proc,dev,tmp,lib64}
add() { # program
    cp "$1" "$root/bin/"
    strip --strip-debug "$root/bin/${1##*/}"
    local library
    for library in $(ldd "$1" | grep -o '/[^ ]*'); do
        mkdir -p "$root${library%/*}"
        cp -L "$library" "$root$library"
    done
}
commands=()
if [ "$job" = test ]; then
    mapfile -t programs < <(
        cargo test --no-run --lib --tests --package seedlm-encoder --package seedlm-decoder --message-format json |
            jq -r 'select(.profile.test and .executable) | .executable'
    )
    for program in "${programs[@]}"; do
        add "$program"
        # One thread: there is one processor, and so it is seen how far the tests are.
        commands+=("${program##*/} --test-threads 1 $*")
    done
else
    cargo build --release --package seedlm --bin seedlm
    add "$CARGO_TARGET_DIR/release/seedlm"
    commands+=("seedlm bench encode --threads 1 --without-naive --quiet --json $* >result && cat result")
fi
[ "${#commands[@]}" -gt 0 ] || { echo "there is nothing to run" >&2; exit 1; }

cp /usr/bin/busybox "$root/bin/busybox"
{
    echo '#!/bin/busybox sh'
    echo 'export PATH=/bin'
    echo '/bin/busybox --install -s /bin'
    echo 'mount -t proc proc /proc; mount -t devtmpfs dev /dev'
    echo 'exec >/dev/ttyS0 2>&1; cd /tmp'
    # The serial line is slow: it loses what it has not sent.
    echo 'leave() { echo "$1"; sleep 2; poweroff -f; }'
    echo 'grep -q avx512vl /proc/cpuinfo || leave "NO AVX-512"'
    # Linux' own word for how many counts are a second.
    echo "dmesg | sed -n 's/.*tsc: Detected \\([0-9.]*\\) MHz.*/INSTRUCTIONS PER MICROSECOND \\1/p' | tail -n 1"
    for command in "${commands[@]}"; do
        printf 'echo %q; %s || echo "FAILED with $?"\n' "RUNNING $command" "$command"
    done
    echo 'leave "ALL DONE"'
} >"$root/init"
chmod +x "$root/init"

disk=$room/disk
mkdir "$disk"
(cd "$root" && find . | cpio --quiet -o -H newc | gzip -1) >"$disk/initrd"
cp "$kernel" "$disk/vmlinuz"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$disk"
# Bochs and Linux disagree on the sizes of what XSAVEC and XSAVES write (features 321 and 323); then Linux would do without AVX.
cat >"$disk/isolinux.cfg" <<X
DEFAULT linux
LABEL linux
 KERNEL vmlinuz
 APPEND initrd=initrd console=ttyS0 quiet loglevel=0 mitigations=off noapic nosmp tsc=reliable clearcpuid=321,323
X
xorriso -as mkisofs -quiet -o "$room/disk.iso" -b isolinux.bin -c boot.cat \
    -no-emul-boot -boot-load-size 4 -boot-info-table "$disk" 2>/dev/null
if [ -n "${BOCHS:-}" ]; then
    bochs=("$BOCHS") screen=nogui
else
    # Debian's Bochs starts in its debugger.
    printf 'continue\nquit\n' >"$room/debugger"
    bochs=(bochs -rc "$room/debugger") screen=term
fi
cat >"$room/bochsrc" <<X
config_interface: textconfig
display_library: $screen
cpu: model=corei7_skylake_x, ips=100000000
clock: sync=none
memory: guest=2048, host=2048
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=cdrom, path=$room/disk.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$room/output
log: $room/log
panic: action=fatal
error: action=ignore
info: action=ignore
X
touch "$room/output"
tail -f "$room/output" >&2 &
children+=($!)
TERM=xterm "${bochs[@]}" -q -f "$room/bochsrc" >"$room/screen" 2>&1 </dev/null &
emulator=$!
children+=("$emulator")
if [ "$screen" = term ]; then
    # This screen is a terminal of Bochs' own making, and it waits for ever where nobody reads that.
    for _ in {1..30}; do
        sleep 1
        terminal=$(sed -n 's/^tty-index:[^0-9]*//p' "/proc/$emulator/fdinfo/"* 2>/dev/null | head -n 1)
        [ -z "$terminal" ] || break
    done
    [ -n "$terminal" ] || { cat "$room/screen" >&2; echo "Bochs has not opened a terminal for its screen" >&2; exit 1; }
    cat "/dev/pts/$terminal" >/dev/null 2>&1 &
    children+=($!)
fi
wait "$emulator" || true
sleep 1

if ! grep -q '^ALL DONE' "$room/output" || grep -q '^FAILED with' "$room/output"; then
    echo "the emulated programs did not run to their ends" >&2
    tail -n 20 "$room/log" >&2
    exit 1
fi
if [ "$job" = test ] && ! grep -q '^test .* \.\.\. ok' "$room/output"; then
    echo "no test has that in its name: $*" >&2
    exit 1
fi
if [ "$job" = count ]; then
    sed -i 's/\r$//' "$room/output"
    rate=$(sed -n 's/^INSTRUCTIONS PER MICROSECOND //p' "$room/output")
    echo "| code | instructions | weights | instructions executed |"
    echo "|---|---|---|---|"
    sed -n '/^{$/,/^}$/p' "$room/output" | jq -r --argjson rate "$rate" '.lines[] |
        "| `\(.code)` | \(.instructions) | \(.weights) | \(.seconds * $rate * 1e6 / .executed_over | round) per \(.executed_per) |"'
    echo
    echo "From \`bash testbenches/emulated.sh count $*\` ($("$CARGO_TARGET_DIR/release/seedlm" --version); $(rustc --version); $("${bochs[0]}" --help cpu 2>&1 | sed -n 's/^ *\(Bochs.* Emulator .*\)/\1/p'))."
fi
