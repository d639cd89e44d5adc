-- May be run again: only rows without a status are touched.
update payments set three_ds_status = 'exempt' where three_ds_status is null;
