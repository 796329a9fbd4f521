-- From which to which day clicks of [$1, $2) are read row by row.
select coalesce(min(begins), $1) as "begins!", coalesce(max(ends), $1) as "ends!" from rollup_open('clicks', $1, $2)
