//! Encryption as libpq does it: which of its parameters hold, and the files that it finds by itself.

use std::path::{Path, PathBuf};

/// Where libpq looks for certificates that no parameter names.
const DIRECTORY: &str = ".postgresql";

/// What the store's client is told, name by name. It is told the mode in any case: it would take one from the environment that
/// libpq has overruled.
///
/// `get` is a parameter that is not empty.
///
/// # Errors
///
/// The parameter that cannot be honoured, and why.
pub(crate) fn parameters_of<'a>(
    get: impl Fn(&str) -> Option<&'a str>,
    home: Option<&Path>,
) -> Result<Vec<(&'static str, String)>, (&'static str, &'static str)> {
    let by_itself = |name: &str| home.map(|home| home.join(DIRECTORY).join(name));
    let file = |parameter: &str, default: &str| get(parameter).map(PathBuf::from).or_else(|| by_itself(default));
    let root = file("sslrootcert", "root.crt").filter(|root| root.as_os_str() != "system");
    let mode = match get("sslmode").unwrap_or("prefer") {
        // A socket is never encrypted, whatever the mode says.
        _ if get("hostaddr").is_none() && get("host").is_some_and(|host| host.starts_with('/')) => "disable",
        // What the certificates of the system are for.
        _ if get("sslrootcert") == Some("system") => "verify-full",
        // Another order of the same two attempts, of which the client makes one.
        "allow" => "prefer",
        "require" if root.as_deref().is_some_and(Path::is_file) => "verify-ca",
        mode => mode,
    };
    let mut told = vec![("sslmode", mode.to_owned())];
    let mut tell = |name, path: &Path| told.push((name, path.to_string_lossy().into_owned()));
    if mode == "disable" {
        return Ok(told);
    }
    // One that was named has to be there; for the other libpq has looked.
    if let Some(root) = root.filter(|root| get("sslrootcert").is_some() || root.is_file())
        && mode.starts_with("verify-")
    {
        tell("sslrootcert", &root);
    }
    let certificate = file("sslcert", "postgresql.crt").filter(|certificate| certificate.is_file());
    if let Some(certificate) = certificate.filter(|_| get("sslcertmode") != Some("disable")) {
        let key = file("sslkey", "postgresql.key").filter(|key| key.is_file());
        let key = key.ok_or(("sslkey", "it names no file; keys in other places than files are not read"))?;
        tell("sslcert", &certificate);
        tell("sslkey", &key);
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What is told for these parameters, in one text, with the home directory as `~`.
    fn told(parameters: &[(&str, &str)], home: &Path) -> String {
        let get = |name: &str| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let told = parameters_of(get, Some(home)).unwrap();
        let told: Vec<String> = told.iter().map(|(name, value)| format!("{name}={value}")).collect();
        told.join(" ").replace(&*home.to_string_lossy(), "~")
    }

    fn home_with(files: &[&str]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(DIRECTORY)).unwrap();
        files.iter().for_each(|file| fs::write(home.path().join(DIRECTORY).join(file), "").unwrap());
        home
    }

    #[test]
    fn the_mode_is_libpqs() {
        let home = home_with(&[]);
        for (parameters, expected) in [
            (&[][..], "sslmode=prefer"),
            (&[("sslmode", "allow")], "sslmode=prefer"),
            (&[("sslmode", "require")], "sslmode=require"),
            (&[("sslmode", "verify-full"), ("host", "/run")], "sslmode=disable"),
            (&[("sslmode", "require"), ("host", "/run"), ("hostaddr", "10.0.0.1")], "sslmode=require"),
            (&[("sslrootcert", "system")], "sslmode=verify-full"),
            (&[("sslmode", "verify-ca"), ("sslrootcert", "/no/ca")], "sslmode=verify-ca sslrootcert=/no/ca"),
            (&[("sslmode", "require"), ("sslrootcert", "/no/ca")], "sslmode=require"),
            (&[("sslmode", "disable"), ("sslrootcert", "/no/ca")], "sslmode=disable"),
        ] {
            assert_eq!(told(parameters, home.path()), expected);
        }
    }

    #[test]
    fn files_that_libpq_finds_by_itself_are_found() {
        let home = home_with(&["root.crt", "postgresql.crt", "postgresql.key"]);
        let certificate = "sslcert=~/.postgresql/postgresql.crt sslkey=~/.postgresql/postgresql.key";
        let expected = format!("sslmode=verify-ca sslrootcert=~/.postgresql/root.crt {certificate}");
        // With a root certificate `require` verifies.
        assert_eq!(told(&[("sslmode", "require")], home.path()), expected);
        assert_eq!(told(&[], home.path()), format!("sslmode=prefer {certificate}"));
        assert_eq!(told(&[("sslcertmode", "disable")], home.path()), "sslmode=prefer");
        // Who has no certificate shows none.
        assert_eq!(told(&[("sslcert", "/no/certificate")], home.path()), "sslmode=prefer");
    }

    #[test]
    fn a_key_that_is_no_file_is_refused() {
        let home = home_with(&["postgresql.crt"]);
        let get = |name: &str| (name == "sslkey").then_some("pkcs11:token");
        assert_eq!(parameters_of(get, Some(home.path())).unwrap_err().0, "sslkey");
    }
}
