# shellcheck shell=bash
# Sourced by tests/minipc/build.

# make_initrd ROOT KERNEL INIT FILE MODULE…: an initrd of busybox, the modules with all they depend
# on, and INIT, in which the word MODULES becomes their files in the order to load them.
make_initrd() {
    local root=$1 kernel=$2 init=$3 file=$4
    shift 4
    local from=$root/lib/modules/$kernel folder module line path name order=()
    folder=$(mktemp -d)
    mkdir -p "$folder"/{bin,lib,proc,sys,dev,newroot}
    cp "$root/bin/busybox" "$folder/bin/"
    for module in "$@"; do
        # "kernel/a.ko: kernel/b.ko kernel/c.ko", where c is needed by b. Not listed: built in.
        line=$(grep -E "/$module\.ko(\.xz)?:" "$from/modules.dep" || true)
        for path in $(tr ' ' '\n' <<<"${line#*:}" | tac) ${line%%:*}; do
            name=${path##*/}
            [[ " ${order[*]} " != *" ${name%.xz} "* ]] || continue
            cp "$from/$path" "$folder/lib/"
            # Newer kernels' modules are packed, which busybox's insmod does not bear.
            [[ $name != *.xz ]] || "$root/bin/busybox" unxz "$folder/lib/$name"
            order+=("${name%.xz}")
        done
    done
    sed "s/MODULES/${order[*]}/" "$init" >"$folder/init"
    chmod 755 "$folder/init"
    (cd "$folder" && find . | LC_ALL=C sort | cpio -o -H newc --quiet --owner 0:0 | gzip -1) >"$file"
    rm -rf "$folder"
}
