sql -c "SELECT name, note FROM test.results ORDER BY id DESC LIMIT 130"
