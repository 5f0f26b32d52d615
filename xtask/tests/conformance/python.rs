//! The tests that the Django package has.

use std::fs;
use std::path::{Path, PathBuf};

use crate::ROOT;

/// The functions that pytest finds.
pub(crate) fn tests() -> Vec<String> {
    let texts = files().into_iter().map(|file| fs::read_to_string(file).unwrap());
    texts.flat_map(|text| functions(&text)).collect()
}

/// Where a test is skipped, or may fail.
pub(crate) fn skipped() -> Vec<String> {
    let mut found = Vec::new();
    for file in files() {
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().enumerate().filter(|(_, line)| skips(line));
        found.extend(lines.map(|(index, line)| format!("{}:{}: {}", file.display(), index + 1, line.trim())));
    }
    found
}

fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(Path::new(&format!("{ROOT}/python/tests")), &mut found);
    found
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.file_name().is_some_and(|name| is_of_tests(&name.to_string_lossy())) {
            found.push(path);
        }
    }
}

fn is_of_tests(name: &str) -> bool {
    name.starts_with("test_") && name.ends_with(".py")
}

/// Those of the module and of its classes; what stands deeper is another test's own. One that runs only here or there shows
/// nothing.
fn functions(text: &str) -> Vec<String> {
    let (mut is_conditional, mut found) = (false, Vec::new());
    for line in text.lines().filter(|line| !line.starts_with("     ")) {
        is_conditional |= line.trim_start().starts_with("@pytest.mark.skipif");
        if line.contains("def ") {
            found.extend(function(line).filter(|_| !is_conditional).map(str::to_owned));
            is_conditional = false;
        }
    }
    found
}

fn function(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let (name, _) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("def ")?.split_once('(')?;
    name.starts_with("test_").then_some(name)
}

/// Skipped wherever it is, or allowed to fail. A condition may stand: some things there are on one database only.
fn skips(line: &str) -> bool {
    let line = line.replace("mark.skipif(", "");
    let words =
        ["pytest.skip(", "mark.skip", "mark.xfail", "pytest.xfail(", "unittest.skip", "skipTest(", "importorskip("];
    words.iter().any(|word| line.contains(word))
}

mod tests {
    use super::*;

    #[test]
    fn functions_of_modules_and_classes_are_found() {
        let text = "
def helper(): ...
def test_plain() -> None: ...
async def test_asynchronous(client): ...
class Saving(TestCase):
    def test_method(self): ...
    def helper(self):
        def test_inside(): ...
@pytest.mark.skipif(\"connection.vendor != 'postgresql'\", reason=\"SQLite has nobody to notify\")
@pytest.mark.django_db
def test_of_one_database(): ...
def test_after_it(): ...
# def test_not_any_more(): ...";
        assert_eq!(functions(text), ["test_plain", "test_asynchronous", "test_method", "test_after_it"]);
    }

    #[test]
    fn what_skips_is_seen() {
        assert!(skips("@pytest.mark.skip(reason='')"));
        assert!(!skips("@pytest.mark.skipif(\"connection.vendor != 'postgresql'\", reason='')"));
        assert!(skips("    self.skipTest('no')"));
        assert!(!skips("def test_a_field_is_skipped(): ..."));
    }
}
