//! The pairs of Django and Python that are supported.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::str::FromStr;

use serde::Deserialize;

/// Where they are declared.
const FILE: &str = "python/pairs.toml";

/// `major.minor` of Django or Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
        numbers.map(|(major, minor)| Self(major, minor)).ok_or_else(|| format!("`{text}` is no version like `5.2`"))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// A version of Django on a version of Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) django: Version,
    pub(crate) python: Version,
}

impl fmt::Display for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Django {} on Python {}", self.django, self.python)
    }
}

impl Pair {
    /// As it is named on the command line, and as its files are called.
    pub(crate) fn id(self) -> String {
        format!("{}-{}", self.django, self.python)
    }
}

#[derive(Deserialize)]
struct Declared {
    django: BTreeMap<String, Vec<String>>,
}

/// All of them, in order.
#[derive(Debug)]
pub(crate) struct Pairs(Vec<Pair>);

impl Pairs {
    /// Those that are declared.
    ///
    /// # Errors
    ///
    /// Says what is wrong with the file.
    pub(crate) fn read() -> Result<Self, String> {
        let text = fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
        Self::parse(&text).map_err(|error| format!("{FILE}: {error}"))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let declared: Declared = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut pairs = Vec::new();
        for (django, pythons) in declared.django {
            let django = django.parse()?;
            for python in pythons {
                pairs.push(Pair { django, python: python.parse()? });
            }
        }
        pairs.sort_by_key(|pair| (pair.django, pair.python));
        if pairs.is_empty() { Err("it declares no pair".to_owned()) } else { Ok(Self(pairs)) }
    }

    pub(crate) fn all(&self) -> &[Pair] {
        &self.0
    }

    /// Each Python of a pair once.
    pub(crate) fn pythons(&self) -> Vec<Version> {
        let mut pythons: Vec<Version> = self.0.iter().map(|pair| pair.python).collect();
        pythons.sort_unstable();
        pythons.dedup();
        pythons
    }

    /// The one that is named like this; the newest when none is named.
    ///
    /// # Errors
    ///
    /// Names those that there are.
    pub(crate) fn named(&self, id: Option<&str>) -> Result<Pair, String> {
        let found = match id {
            Some(id) => self.0.iter().find(|pair| pair.id() == id),
            None => self.0.last(),
        };
        found.copied().ok_or_else(|| {
            let ids: Vec<String> = self.0.iter().map(|pair| pair.id()).collect();
            format!("there is no pair `{}`\n  hint: {FILE} declares {}", id.unwrap_or_default(), ids.join(", "))
        })
    }

    /// True of one pair of each Django, in which that Django's own suites are run: its oldest Python with the oldest Django,
    /// its newest with any other, so that both ends are met.
    pub(crate) fn runs_djangos_suites(&self, pair: Pair) -> bool {
        let of_this_django = self.0.iter().filter(|other| other.django == pair.django);
        let is_oldest = self.0.iter().all(|other| other.django >= pair.django);
        let chosen =
            if is_oldest { of_this_django.min_by_key(by_python) } else { of_this_django.max_by_key(by_python) };
        chosen == Some(&pair)
    }
}

fn by_python(pair: &&Pair) -> Version {
    pair.python
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const PAIRS: &str = "[django]\n\"6.1\" = [\"3.12\", \"3.13\"]\n\"5.2\" = [\"3.9\", \"3.10\"]\n";

    fn ids(pairs: &Pairs) -> Vec<String> {
        pairs.all().iter().map(|pair| pair.id()).collect()
    }

    #[test]
    fn pairs_are_in_the_order_of_their_versions() {
        let pairs = Pairs::parse(PAIRS).unwrap();
        assert_eq!(ids(&pairs), ["5.2-3.9", "5.2-3.10", "6.1-3.12", "6.1-3.13"]);
        assert_eq!(pairs.all()[1].to_string(), "Django 5.2 on Python 3.10");
    }

    #[test]
    fn a_pair_is_found_by_its_name_and_the_newest_without_one() {
        let pairs = Pairs::parse(PAIRS).unwrap();
        assert_eq!(pairs.named(Some("5.2-3.9")).unwrap().id(), "5.2-3.9");
        assert_eq!(pairs.named(None).unwrap().id(), "6.1-3.13");
        let error = pairs.named(Some("4.2-3.9")).unwrap_err();
        assert!(error.contains("`4.2-3.9`") && error.contains("5.2-3.9, 5.2-3.10"), "{error}");
    }

    #[test]
    fn djangos_own_suites_run_on_one_python_for_each_django() {
        let pairs = Pairs::parse(PAIRS).unwrap();
        let chosen = pairs.all().iter().filter(|pair| pairs.runs_djangos_suites(**pair)).map(|pair| pair.id());
        assert_eq!(chosen.collect::<Vec<_>>(), ["5.2-3.9", "6.1-3.13"]);
    }

    #[test]
    fn a_file_that_declares_nothing_or_no_versions_is_refused() {
        for wrong in ["", "[django]\n", "[django]\n\"5\" = [\"3.10\"]\n", "[django]\n\"5.2\" = [\"three\"]\n"] {
            assert!(Pairs::parse(wrong).is_err(), "{wrong}");
        }
    }

    fn read_at_the_root(file: &str) -> String {
        fs::read_to_string(format!("{}/../{file}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    }

    /// Each Django with its Pythons.
    fn declared() -> BTreeMap<String, Vec<String>> {
        let text = read_at_the_root(FILE);
        toml::from_str::<Declared>(&text).unwrap().django
    }

    #[test]
    fn the_readme_has_a_row_for_each_django_with_its_pythons() {
        let readme = read_at_the_root("README.md");
        let rows: Vec<&str> = readme.lines().skip_while(|line| *line != "| Django | Python |").collect();
        let rows: Vec<&str> = rows.into_iter().skip(2).take_while(|line| line.starts_with('|')).collect();
        let expected: Vec<String> =
            declared().into_iter().map(|(django, pythons)| format!("| {django} | {} |", pythons.join(", "))).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn the_wheel_is_classified_by_the_pairs() {
        #[derive(Deserialize)]
        struct Project {
            project: Classified,
        }
        #[derive(Deserialize)]
        struct Classified {
            classifiers: Vec<String>,
        }
        let project: Project = toml::from_str(&read_at_the_root("python/pyproject.toml")).unwrap();
        let classified = |prefix: &str| -> BTreeSet<String> {
            let rest = project.project.classifiers.iter().filter_map(|classifier| classifier.strip_prefix(prefix));
            rest.filter(|version| version.contains('.')).map(str::to_owned).collect()
        };
        assert_eq!(classified("Framework :: Django :: "), declared().into_keys().collect());
        assert_eq!(classified("Programming Language :: Python :: "), declared().into_values().flatten().collect());
    }
}
