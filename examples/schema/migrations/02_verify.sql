-- Nothing is left, and nothing was lost on the way.
select count(*) from orders where cents is null or cents <> cast(round(amount * 100) as integer);
