# shellcheck shell=bash
# shellcheck disable=SC2154 # set by run
# Every statement of a tenant without its row filters, as a tenant's role: nothing of anybody else may come (sourced by run).
sql -f "$here/neutral.sql" >/dev/null || fatal "neutral.sql fails"
for f in "$dir"/sql/*.sql; do # made by run
    name=$(basename "$f" .sql)
    if [ "$(role_of "$name")" = croft_tenant ]; then
        echo "\\set text \`cat '$f'\`"
        echo "\\set neutral \`'$here/neutral.py' <'$f'\`"
        echo "SELECT test.neutral('$name', :'text', :'neutral');"
    fi
done | sql >/dev/null || fatal "neutral fails"
sql -c "SELECT test.ok(count(*) > 8, 'statements had filters to lose', count(*)::text) FROM test.neutralised" >/dev/null
