//! The wheel: built once, for every Python.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use super::environment::{Tools, directory, succeed};

/// A wheel that was built.
#[derive(Debug)]
pub(crate) struct Wheel {
    pub(crate) file: PathBuf,
    /// Tells it from another one.
    pub(crate) hash: String,
}

impl Wheel {
    /// Builds it as it is published, with the engine in it, in the same target directory as everything else.
    ///
    /// # Errors
    ///
    /// What maturin printed.
    pub(crate) fn build(tools: &Tools) -> Result<Self, String> {
        // The engine first, which the wheel carries: maturin builds the module alone.
        let mut engine = tools.command("python");
        engine.arg("python/build_backend/with_engine.py");
        succeed(engine)?;
        let wheels = directory()?.join("wheels");
        // Those of other versions are nobody's.
        if wheels.exists() {
            fs::remove_dir_all(&wheels).map_err(|error| format!("{}: {error}", wheels.display()))?;
        }
        let mut maturin = tools.command("maturin");
        maturin.current_dir("python").args(["build", "--interpreter"]);
        maturin.arg(tools.program("python")).arg("--out").arg(&wheels);
        succeed(maturin)?;
        let file = only_wheel(&wheels)?;
        let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Ok(Self { file, hash: format!("{:016x}", hasher.finish()) })
    }

    pub(crate) fn name(&self) -> String {
        self.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

fn only_wheel(directory: &Path) -> Result<PathBuf, String> {
    let entries = fs::read_dir(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let mut wheels = entries.flatten().map(|entry| entry.path());
    let wheel = wheels.find(|path| path.extension().is_some_and(|extension| extension == "whl"));
    wheel.ok_or_else(|| format!("maturin left no wheel in {}", directory.display()))
}
