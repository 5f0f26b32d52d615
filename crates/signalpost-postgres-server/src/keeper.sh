# Does with the server in the directory $2 what it is told, line by line, with the programs in $1, and answers each
# line with the exit status. When there are no more lines, whoever gave them has ended, in whichever way: then the
# server is stopped and the directory removed.

programs=$1
directory=$2

# What is meant for the others in the terminal, and answers that nobody reads any more, do not end the keeper.
trap '' HUP INT TERM PIPE

control() {
    "$programs/pg_ctl" --pgdata="$directory/data" --wait --timeout=300 --silent "$@"
}

while read -r order; do
    case $order in
        # Its own files need not survive the machine, so they are not synced; what the server writes is.
        init) "$programs/initdb" --pgdata="$directory/data" --no-sync --no-instructions \
            --username=signalpost --pwfile="$directory/password" --auth=scram-sha-256 \
            --encoding=UTF8 --locale=C.UTF-8 ;;
        start) control --log="$directory/log" start ;;
        restart) control --log="$directory/log" --mode=fast restart ;;
        stop) control --mode=fast stop ;;
        crash) control --mode=immediate stop ;;
    esac </dev/null >"$directory/output" 2>&1
    echo $?
done 2>/dev/null

# PostgreSQL waits up to a minute for a connection that arrived after the order to stop and says nothing. Nobody here
# waits as long: it is stopping, and needs its files no more.
control --mode=immediate --timeout=10 stop </dev/null >/dev/null 2>&1
rm -rf "$directory"
