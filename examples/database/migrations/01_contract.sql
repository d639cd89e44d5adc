alter table orders drop column if exists remark;
