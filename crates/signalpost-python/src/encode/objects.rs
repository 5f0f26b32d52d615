//! What travels by a name: classes, members of enumerations, instances of models.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple, PyType};

use super::Encoder;
use crate::kind::{Model, Named, Tagged};
use crate::path::Step;
use crate::refusal::{Done, Failure};

impl<'py> Encoder<'_, 'py> {
    pub(super) fn class(&mut self, class: &Bound<'py, PyType>, depth: usize) -> Done {
        let json = self.codec.class(class)?.map_err(Failure::refused)?;
        self.check_depth(depth, 2)?;
        self.raw(json.as_bytes());
        Ok(())
    }

    pub(super) fn member(&mut self, class: &Named, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        self.check_depth(depth, 2)?;
        self.raw(class.opening.as_bytes());
        self.text(value.getattr(intern!(value.py(), "_name_"))?.cast()?)?;
        self.raw(b"]}");
        Ok(())
    }

    /// Several flags in one have a name in some versions of Python only: the value says which they are.
    pub(super) fn flag(&mut self, class: &Named, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        self.check_depth(depth, 2)?;
        self.raw(class.opening.as_bytes());
        self.value(&value.getattr(intern!(value.py(), "_value_"))?, depth + 2)?;
        self.raw(b"]}");
        Ok(())
    }

    pub(super) fn instance(&mut self, model: &Model, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        self.check_depth(depth, 2)?;
        self.raw(model.named.opening.as_bytes());
        let key = value.getattr(model.key.bind(value.py()))?;
        if !is_unsaved(&key) {
            let around = self.around.len();
            self.value(&key, depth + 2).map_err(|failure| failure.at(around, Step::Key("pk".to_owned())))?;
        } else if self.strict {
            let name = &model.named.name;
            let reason = format!("is an unsaved {name}, which has no primary key\n  hint: send it after it was saved");
            return Err(Failure::refused(reason));
        } else {
            self.raw(b"null");
        }
        self.raw(b",");
        let alias = self.alias(value)?;
        match alias.cast::<PyString>() {
            Ok(alias) => self.text(alias)?,
            Err(_) => self.raw(b"null"),
        }
        self.raw(b"]}");
        Ok(())
    }

    /// The alias that an instance is written to. Without routers that is where it comes from.
    fn alias(&self, instance: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = instance.py();
        if let Some(sent) = self.sent
            && self.codec.router.bind(py).getattr(intern!(py, "routers"))?.is_truthy()?
        {
            return self.codec.write_alias.bind(py).call1((instance, sent.get_item(intern!(py, "using"))?));
        }
        instance.getattr(intern!(py, "_state"))?.getattr(intern!(py, "db"))
    }

    pub(super) fn tagged(&mut self, tagged: &Tagged, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        let parts = tagged.take_apart.bind(value.py()).call1((value,))?;
        if let Ok(reason) = parts.cast::<PyString>() {
            return Err(Failure::refused(reason.to_str()?));
        }
        self.open(&tagged.tag, depth)?;
        self.items(parts.cast::<PyTuple>()?.iter(), depth + 2, b"", b"]}")
    }

    /// What stands for another value.
    pub(super) fn unwrapped(&mut self, function: &Bound<'py, PyAny>, value: &Bound<'py, PyAny>, depth: usize) -> Done {
        self.enter(value, depth, 0)?;
        // It is written as deep as itself; a chain of what stands for something else must end too.
        if self.around.len() > 2 * self.limits.max_depth {
            return Err(self.too_deep());
        }
        let inner = function.call1((value,))?;
        self.value(&inner, depth)?;
        self.leave();
        Ok(())
    }
}

fn is_unsaved(key: &Bound<'_, PyAny>) -> bool {
    key.is_none() || key.cast::<PyTuple>().is_ok_and(|parts| parts.iter().any(|part| part.is_none()))
}
