//! What stands in the parentheses of `#[receiver(…)]`.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprArray, Ident, Result, Token};

/// Options with a value, and whether they need `background`.
const OPTIONS: [(&str, bool); 12] = [
    ("name", false),
    ("aliases", true),
    ("sender", false),
    ("order", false),
    ("dispatch_uid", false),
    ("queue", true),
    ("priority", true),
    ("max_attempts", true),
    ("timeout", true),
    ("backoff", true),
    ("concurrency", true),
    ("rate", true),
];

/// Options without one.
const FLAGS: [&str; 3] = ["background", "atomic", "keep_result"];

pub(crate) struct Arguments {
    pub(crate) signals: Vec<Expr>,
    flags: Vec<Ident>,
    options: Vec<(Ident, Expr)>,
}

impl Arguments {
    pub(crate) fn flag(&self, name: &str) -> Option<&Ident> {
        self.flags.iter().find(|found| *found == name)
    }

    pub(crate) fn option(&self, name: &str) -> Option<&Expr> {
        self.options.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        if input.is_empty() {
            return Err(Error::new(input.span(), "name the signal: #[receiver(SIGNAL)]"));
        }
        let signals = match input.parse::<Expr>()? {
            Expr::Array(none) if none.elems.is_empty() => {
                return Err(Error::new(none.span(), "name at least one signal"));
            }
            Expr::Array(ExprArray { elems, .. }) => elems.into_iter().collect::<Vec<_>>(),
            one => vec![one],
        };
        if let [Expr::Path(path)] = &signals[..]
            && let Some(word) = path.path.get_ident()
            && (FLAGS.iter().any(|flag| word == flag) || OPTIONS.iter().any(|(option, _)| word == option))
        {
            return Err(Error::new(
                word.span(),
                format!("name the signal before `{word}`: #[receiver(SIGNAL, {word})]"),
            ));
        }
        let mut arguments = Self { signals, flags: Vec::new(), options: Vec::new() };
        if input.is_empty() {
            return Ok(arguments);
        }
        input.parse::<Token![,]>()?;
        for Argument { name, value } in Punctuated::<Argument, Token![,]>::parse_terminated(input)? {
            let text = name.to_string();
            match value {
                None if FLAGS.contains(&&*text) => arguments.flags.push(name),
                Some(value) if OPTIONS.iter().any(|(option, _)| *option == text) => {
                    if arguments.option(&text).is_some() {
                        return Err(Error::new(name.span(), format!("`{text}` is given twice")));
                    }
                    arguments.options.push((name, value));
                }
                value => return Err(misplaced(&name, value.is_some())),
            }
        }
        arguments.check_kind()?;
        Ok(arguments)
    }
}

impl Arguments {
    fn check_kind(&self) -> Result<()> {
        if self.flag("background").is_some() {
            if let Some((uid, _)) = self.options.iter().find(|(name, _)| name == "dispatch_uid") {
                let message = "a background receiver is identified by its `name`: give that instead";
                return Err(Error::new(uid.span(), message));
            }
            return match (self.flag("atomic"), self.flag("keep_result")) {
                (Some(_), Some(keep_result)) => Err(Error::new(
                    keep_result.span(),
                    "an atomic receiver's task is completed before it returns, so there is no result to keep: write it to a \
                     table, in the same transaction",
                )),
                _ => Ok(()),
            };
        }
        let for_background = |name: &Ident| OPTIONS.iter().any(|(option, background)| *background && name == option);
        match self
            .options
            .iter()
            .map(|(name, _)| name)
            .filter(|name| for_background(name))
            // The one flag that makes it a background receiver is not there.
            .chain(&self.flags)
            .next()
        {
            Some(name) => Err(Error::new(
                name.span(),
                format!("`{name}` is for background receivers: add `background` before it"),
            )),
            None => Ok(()),
        }
    }
}

fn misplaced(name: &Ident, has_value: bool) -> Error {
    let text = name.to_string();
    let message = if has_value && FLAGS.contains(&&*text) {
        format!("`{text}` takes no value")
    } else if !has_value && OPTIONS.iter().any(|(option, _)| *option == text) {
        format!("`{text}` needs a value: `{text} = …`")
    } else {
        let known: Vec<&str> = FLAGS.into_iter().chain(OPTIONS.iter().map(|(option, _)| *option)).collect();
        format!("there is no option `{text}`; there are {}", known.join(", "))
    };
    Error::new(name.span(), message)
}

struct Argument {
    name: Ident,
    value: Option<Expr>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        let value = if input.parse::<Option<Token![=]>>()?.is_some() { Some(input.parse()?) } else { None };
        Ok(Self { name, value })
    }
}
