//! Holds the book, `docs/`, together: every page has its place, every link leads somewhere, every program is run, and
//! every message of the log is explained.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

fn pages() -> Vec<PathBuf> {
    files(&root().join("docs"), "md")
}

/// The lines outside blocks of code, without what stands between backticks.
fn prose(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if !in_code && !is_fence {
            lines.push(line.split('`').step_by(2).collect());
        }
        in_code ^= is_fence;
    }
    lines
}

/// Where the page's links lead to, within the repository.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let targets = line.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
        found.extend(targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")));
    }
    found
}

/// The names under which a page's headings can be linked to.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut in_code = false;
    let mut found = BTreeSet::new();
    for line in text.lines() {
        in_code ^= line.trim_start().starts_with("```");
        if !in_code && line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
            found.insert(kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect());
        }
    }
    found
}

#[test]
fn every_page_of_the_book_is_in_its_summary() {
    let summary = root().join("docs/SUMMARY.md");
    let listed = links(&read(&summary));
    let unique: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(listed.len(), unique.len(), "a page is listed twice: {listed:?}");
    let name = |page: PathBuf| page.file_name().unwrap().to_str().unwrap().to_owned();
    let there: BTreeSet<String> = pages().into_iter().filter(|page| *page != summary).map(name).collect();
    assert_eq!(unique, there);
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let at_the_root = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let at_the_root = at_the_root.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut broken = Vec::new();
    for page in at_the_root.chain(pages()) {
        for link in links(&read(&page)) {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { page.clone() } else { page.with_file_name(file) };
            if !target.exists() || !anchor.is_empty() && !anchors(&read(&target)).contains(anchor) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn the_readme_leads_to_the_book() {
    assert!(links(&read(&root().join("README.md"))).contains(&"docs/introduction.md".to_owned()));
}

#[test]
fn every_program_of_the_book_is_run_as_a_doc_test() {
    let module = read(&root().join("crates/signalpost/src/book.rs"));
    let mut programs = 0;
    for page in pages() {
        let text = read(&page);
        let name = page.file_name().unwrap().to_str().unwrap();
        let opened: Vec<&str> = text.lines().filter(|line| line.starts_with("```rust")).collect();
        programs += opened.len();
        let are_run = |fence: &str| matches!(fence, "```rust" | "```rust,standalone_crate");
        assert!(opened.iter().copied().all(are_run), "{name} has programs that are not run: {opened:?}");
        let included = module.contains(&format!("include_str!(\"../../../docs/{name}\")"));
        assert_eq!(included, !opened.is_empty(), "{name} has {} programs, and is it in book.rs?", opened.len());
    }
    assert!(programs > 0);
}

/// Requirement 68: which tool for what, and when none.
#[test]
fn the_book_says_which_kind_of_receiver_is_for_what() {
    let page = read(&root().join("docs/which-kind.md"));
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
    for kind in [
        "**direct call**",
        "**inline receiver**",
        "**background receiver**",
        "**background signal**",
        "**atomic receiver**",
        "**no signal**",
    ] {
        assert!(rows.iter().any(|row| row.contains(kind)), "no row of the table is for {kind}");
    }
    let headings = anchors(&page);
    for heading in ["what-not-to-do-in-an-inline-receiver", "what-a-background-receiver-finds"] {
        assert!(headings.contains(heading), "{heading}");
    }
}

/// What is logged as warnings and errors, after its level.
fn messages(source: &str) -> Vec<String> {
    let calls = [("tracing::warn!(", "WARN"), ("tracing::error!(", "ERROR")];
    let of_call = |(call, level)| source.split(call).skip(1).map(move |rest| format!("{level} {}", last_text(rest)));
    calls.into_iter().flat_map(of_call).collect()
}

/// What the page's tables explain, after its level: a level goes for the messages that follow it in the cell.
fn explained(page: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for cell in page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()) {
        let mut level = "";
        for (index, part) in cell.split('`').enumerate() {
            if index % 2 == 0 {
                level = part.split(' ').find(|word| matches!(*word, "ERROR" | "WARN" | "INFO")).unwrap_or(level);
            } else {
                found.insert(format!("{level} {part}"));
            }
        }
    }
    found
}

/// The last text of a call's arguments, which is the message; `arguments` goes on after their end.
fn last_text(arguments: &str) -> String {
    let (mut depth, mut in_text, mut text) = (1, false, String::new());
    let mut letters = arguments.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if in_text => in_text = false,
            '"' => (in_text, text) = (true, String::new()),
            // The text goes on in the next line.
            '\\' if in_text => letters = letters.as_str().trim_start().chars(),
            _ if in_text => text.push(letter),
            '(' => depth += 1,
            ')' if depth == 1 => break,
            ')' => depth -= 1,
            _ => {}
        }
    }
    text
}

#[test]
fn every_warning_and_error_of_the_log_is_explained() {
    let explained = explained(&read(&root().join("docs/troubleshooting.md")));
    let mut unexplained = BTreeSet::new();
    let mut seen = 0;
    for name in ["signalpost", "signalpost-dispatch", "signalpost-store", "signalpost-worker"] {
        for source in files(&root().join("crates").join(name).join("src"), "rs") {
            let found = messages(&read(&source));
            seen += found.len();
            unexplained.extend(found.into_iter().filter(|message| !explained.contains(message)));
        }
    }
    assert!(seen > 20, "the sources log in another way: {seen} messages found");
    assert!(unexplained.is_empty(), "docs/troubleshooting.md does not explain: {unexplained:#?}");
}
