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
const FLAGS: [&str; 2] = ["background", "keep_result"];

pub(crate) struct Arguments {
    pub(crate) signals: Vec<Expr>,
    pub(crate) background: bool,
    pub(crate) keep_result: bool,
    options: Vec<(Ident, Expr)>,
}

impl Arguments {
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
        let mut arguments = Self { signals, background: false, keep_result: false, options: Vec::new() };
        if input.is_empty() {
            return Ok(arguments);
        }
        input.parse::<Token![,]>()?;
        let mut keep_result_at = None;
        for Argument { name, value } in Punctuated::<Argument, Token![,]>::parse_terminated(input)? {
            let text = name.to_string();
            match value {
                None if text == "background" => arguments.background = true,
                None if text == "keep_result" => {
                    arguments.keep_result = true;
                    keep_result_at = Some(name);
                }
                Some(value) if OPTIONS.iter().any(|(option, _)| *option == text) => {
                    if arguments.option(&text).is_some() {
                        return Err(Error::new(name.span(), format!("`{text}` is given twice")));
                    }
                    arguments.options.push((name, value));
                }
                value => return Err(misplaced(&name, value.is_some())),
            }
        }
        arguments.check_kind(keep_result_at)?;
        Ok(arguments)
    }
}

impl Arguments {
    fn check_kind(&self, keep_result_at: Option<Ident>) -> Result<()> {
        if self.background {
            return match self.options.iter().find(|(name, _)| name == "dispatch_uid") {
                Some((uid, _)) => {
                    Err(Error::new(uid.span(), "a background receiver is identified by its `name`: give that instead"))
                }
                None => Ok(()),
            };
        }
        let for_background = |name: &Ident| OPTIONS.iter().any(|(option, background)| *background && name == option);
        match self
            .options
            .iter()
            .map(|(name, _)| name)
            .chain(&keep_result_at)
            .find(|name| for_background(name) || *name == "keep_result")
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
