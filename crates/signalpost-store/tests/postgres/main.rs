//! The store on PostgreSQL as whoever operates it meets it: servers that refuse, that are silent or stand behind a
//! pooler; roles with few rights; schemas of any name.

mod behind_a_pooler;
mod credentials;
mod left_behind;
mod log;
mod names;
mod page;
mod refusals;
mod roles;
mod schemas;
mod silence;
mod urls;
mod waiting;
