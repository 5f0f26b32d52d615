//! The statements of the store, in the style in which Django takes parameters.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use signalpost_store::sql;

/// The statements of one database, as `cursor.execute` of Django's connections takes them.
#[pyclass(frozen, get_all, module = "signalpost._native")]
pub(crate) struct Statements {
    /// Creates the tables. Several statements, and no parameters: a semicolon ends each and stands nowhere else.
    schema: &'static str,
    /// Writes tasks. Its one parameter is a JSON array with an object for each task.
    insert: String,
    /// Writes one task that is due at once, with a parameter for each column, the time being there twice. On PostgreSQL the time
    /// is only the earliest, and what the server says instead is returned.
    insert_one: String,
    /// As `insert_one` on SQLite, on both: without a look for somebody to notify or at the clock.
    insert_one_quiet: String,
    /// As `insert_one_quiet`, of a task of priority 0, without headers, and sent by no other task.
    insert_plain: String,
    /// Moves a claimed task to the history as succeeded. Its one parameter, `claim`, is a JSON object of `id`, `worker` and
    /// `fence`.
    complete: String,
    /// Follows `complete` in the same transaction, with the same parameter.
    complete_delete: String,
}

/// The statements for a database by Django's `connection.vendor`.
///
/// # Errors
///
/// `ValueError` for a database that cannot hold a store.
#[pyfunction]
pub(crate) fn statements(vendor: &str) -> PyResult<Statements> {
    let (texts, mark) = match vendor {
        "sqlite" => (sql::SQLITE, '?'),
        "postgresql" => (sql::POSTGRES, '$'),
        _ => {
            return Err(PyValueError::new_err(format!(
                "a database of vendor {vendor:?} cannot hold a store\n  hint: SQLite and PostgreSQL can"
            )));
        }
    };
    let in_order = |sql| in_django_style(sql, mark, "%s");
    let by_name = |sql| in_django_style(sql, mark, "%(claim)s");
    Ok(Statements {
        schema: texts.schema,
        insert: in_order(texts.insert),
        insert_one: in_order(texts.insert_one),
        insert_one_quiet: in_order(texts.insert_one_quiet),
        insert_plain: in_order(texts.insert_plain),
        complete: by_name(texts.complete),
        complete_delete: by_name(texts.complete_delete),
    })
}

/// Without comments, which may name parameters; with every `%` doubled, which is an escape there; and with the placeholder for
/// each parameter, a mark and a number.
fn in_django_style(sql: &str, mark: char, placeholder: &str) -> String {
    let code: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
    let code = code.join("\n").replace('%', "%%");
    let mut parts = code.split(mark);
    let mut styled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        styled.push_str(placeholder);
        styled.push_str(part.trim_start_matches(|digit: char| digit.is_ascii_digit()));
    }
    styled
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of the parameters, as they follow each other.
    fn parameters(sql: &str, mark: char) -> Vec<usize> {
        let code: Vec<&str> = sql.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
        let number = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
        code.join("\n").split(mark).skip(1).map(number).collect()
    }

    /// Django's style knows no numbers.
    #[test]
    fn parameters_stand_in_order_and_each_stands_once() {
        for (texts, mark) in [(sql::SQLITE, '?'), (sql::POSTGRES, '$')] {
            for sql in [texts.insert, texts.insert_one, texts.insert_one_quiet, texts.insert_plain] {
                let numbers = parameters(sql, mark);
                assert!(!numbers.is_empty() && numbers.iter().copied().eq(1..=numbers.len()), "{numbers:?} in {sql}");
            }
            for sql in [texts.complete, texts.complete_delete] {
                assert!(parameters(sql, mark).iter().all(|number| *number == 1), "{sql}");
            }
        }
    }

    #[test]
    fn a_percent_sign_is_doubled_and_a_comment_left_out() {
        let sql = "-- ?1 is 5 %\nSELECT strftime('%s', ?1), ?12";
        assert_eq!(in_django_style(sql, '?', "%s"), "SELECT strftime('%%s', %s), %s");
    }
}
