-- One way: runs at the earliest seven days after landing, as a change of its own.
alter table payments alter column three_ds_status set not null;
alter table payments drop column if exists legacy_auth_code;
