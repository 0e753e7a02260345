#!/bin/sh
# The linker that rustc calls inside the build root. It links Lumora's programs. Some dependencies are shared libraries
# besides being Rust libraries; those have no entrypoint and nobody loads them, so they get an empty file.
set -eu
output=
previous=
for argument; do
    if [ "$previous" = -o ]; then output=$argument; fi
    previous=$argument
done
case ${output##*/} in
liblumora_* | lumora_*)
    # --llvm-args: the stack frame of sBPF v3, and the instructions of BPF v4 that sBPF does not have. (Of v4 we need
    # signed division, which sbpf-linker expands.)
    # --cpu-features: without misaligned access, copies of packed data go byte by byte.
    exec /toolchain/linker/bin/sbpf-linker /toolchain/builtins.ll "$@" \
        --arch=v3 --llvm-args=-bpf-stack-size=4096 \
        --llvm-args=--disable-movsx,--disable-ldsx,--disable-bswap,--disable-gotol,--disable-gotox,--disable-load-acq-store-rel \
        --cpu-features=+allows-misaligned-mem-access --deploy=false
    ;;
*) : >"$output" ;;
esac
