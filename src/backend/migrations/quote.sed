# Makes one C expression of a migration: a string literal of each line, all in parentheses.
s/[\"]/\\&/g
s/^/"/
s/$/\\n"/
1s/^/(/
$s/$/),/
