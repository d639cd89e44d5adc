-- One way: a week after landing, as a change of its own.
alter table orders drop column amount;
