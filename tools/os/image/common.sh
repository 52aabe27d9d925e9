# Functions of the scripts of this definition; sourced, with the definition as working directory.
# shellcheck shell=sh

MIB=1048576

fail() {
    echo "image: $*" >&2
    exit 1
}

# Print the value of a numbered variable such as DISK_0_PATH.
disk_variable() {
    case $1 in '' | *[!0-9]*) fail "'$1' is not the number of a disk" ;; esac
    eval "printf '%s' \"\${DISK_$1_$2:-}\""
}

# Print the directories images may come from, one a line.
image_dirs() {
    grep -v -e '^#' -e '^[[:space:]]*$' image-dirs || :
    [ -z "${GANETI_ROOTDIR:-}" ] || printf '%s\n' "${GANETI_ROOTDIR%/*}/images"
}

# Print the path of the image a name or path means; links are followed first.
find_image() {
    case $1 in
    *[![:print:]]*) fail "parameter image must be printable" ;;
    /*) candidates=$1 ;;
    *) candidates=$(image_dirs | while IFS= read -r dir; do printf '%s\n' "$dir/$1"; done) ;;
    esac
    found=$(printf '%s\n' "$candidates" | while IFS= read -r path; do
        if [ -f "$path" ]; then
            readlink -f -- "$path"
            break
        fi
    done)
    [ -n "$found" ] || fail "no image $1 on this node"
    image_dirs | {
        while IFS= read -r dir; do
            dir=$(readlink -f -- "$dir") || continue
            case $found in "$dir"/*) exit 0 ;; esac
        done
        exit 1
    } || fail "image $1 is not below a directory of $(pwd)/image-dirs"
    [ -r "$found" ] || fail "image $1 cannot be read"
    printf '%s\n' "$found"
}

# Write the content of an image, whatever it is packed with, to standard output.
unpack() {
    case $1 in
    *.gz) gzip -dc -- "$1" ;;
    *.xz) xz -dc -- "$1" ;;
    *) cat -- "$1" ;;
    esac
}

# Refuse a packed image that is damaged.
check_packing() {
    case $1 in
    *.gz) gzip -t -- "$1" || fail "image $1 is damaged" ;;
    *.xz) xz -t -- "$1" || fail "image $1 is damaged" ;;
    esac
}

# Write standard input to a disk that is there.
write_disk() {
    [ -e "$1" ] || fail "disk $1 is not there"
    dd of="$1" bs=$MIB conv=notrunc,fsync 2>/dev/null || fail "cannot write to disk $1"
}

# Refuse a pattern or size that cannot be used.
check_pattern() {
    case ${OSP_PATTERN:-} in
    *[![:print:]]* | *[\'\"\\]*) fail "parameter pattern must be printable, without quotes and backslashes" ;;
    -*) fail "parameter pattern must not begin with a dash" ;;
    esac
    pattern=${OSP_PATTERN:-}
    [ "${#pattern}" -le 256 ] || fail "parameter pattern is longer than 256 characters"
    case ${OSP_SIZE:-0} in
    *[!0-9]* | 0?* | ??????????*) fail "parameter size must be a number of MiB, not '$OSP_SIZE'" ;;
    esac
}
