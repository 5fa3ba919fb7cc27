# Shared by the findings: a temporary folder that goes when the script ends, and the two ways in which one can end badly.
# Sourced.
work=$(mktemp -d "${TMPDIR:-/tmp}/finding.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 2' INT TERM
# Nothing of whoever runs it: no proxy on the way to the loopback, no settings of an AWS client.
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1 AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
# Python finds stand_in.py, and leaves nothing beside it.
PYTHONPATH=$(cd "$(dirname "$0")" && pwd)
export PYTHONPATH PYTHONDONTWRITEBYTECODE=1

# cannot WHY: something that the finding needs is not to be had here.
cannot()
{
    printf 'could not be run: %s\n' "$*" >&2
    exit 2
}

# still SEEN EXPECTED: ends the script, with 0 when both are the same.
still()
{
    printf 'seen:\n%s\n' "$1"
    if [ "$1" = "$2" ]; then
        echo "still so"
        exit 0
    fi
    printf 'changed; expected was:\n%s\n' "$2"
    exit 1
}

# python_with PACKAGE==VERSION...: a virtual environment with these; $python is its interpreter.
python_with()
{
    python3 -m venv "$work/venv" >/dev/null 2>&1 || cannot "python3 -m venv"
    python=$work/venv/bin/python
    "$python" -m pip install --quiet --disable-pip-version-check "$@" || cannot "pip install $*"
}

# node_with PACKAGE@VERSION...: these packages in $work/node_modules.
node_with()
{
    (cd "$work" && npm install --silent --no-audit --no-fund --no-save "$@" >/dev/null) || cannot "npm install $*"
}

# c_program PACKAGE 'PACKAGE >= VERSION PACKAGE < VERSION' FLAG...: compiles $work/finding.c with that library as $work/finding.
c_program()
{
    library=$1 versions=$2
    shift 2
    pkg-config --exists "$versions" || cannot "needs $versions, as Debian 12 has it"
    # shellcheck disable=SC2046 # words
    cc -o "$work/finding" "$@" "$work/finding.c" $(pkg-config --cflags --libs "$library") || cannot "the compiler"
}

rocksdb_program()
{
    c_program rocksdb 'rocksdb >= 7.8 rocksdb < 7.9'
}

libcurl_program()
{
    c_program libcurl 'libcurl >= 7.88 libcurl < 7.89'
}
