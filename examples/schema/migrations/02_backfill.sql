-- A batch of it; may be run again: only rows without cents are touched.
update orders set cents = cast(round(amount * 100) as integer) where cents is null and id between :first and :last;
