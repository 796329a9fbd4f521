-- From which to which day clicks of [$1, $2) are read row by row, and whether that is every day in between.
select coalesce(min(begins), $1) as "begins!", coalesce(max(ends), $1) as "ends!", count(*) <= 1 as "is_one!"
from rollup_open('clicks', $1, $2)
