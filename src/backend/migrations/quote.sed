# Makes a C string literal of each line of a migration.
s/[\"]/\\&/g
s/^/"/
s/$/\\n"/
$s/$/,/
