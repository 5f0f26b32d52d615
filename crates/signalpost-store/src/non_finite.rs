//! Finds NaN and infinity, which `serde_json` writes as `null`.

use std::fmt;

use serde::ser::{self, Serialize};

/// Which of the nulls that JSON of this value holds, from 0, stands for a number that is not finite; `None` where
/// all of them are meant.
pub(crate) fn first_lost_number(value: &(impl Serialize + ?Sized)) -> Option<usize> {
    let mut nulls = 0;
    match value.serialize(Nulls(&mut nulls)) {
        Err(Stopped::AtANumber) => Some(nulls),
        Ok(()) | Err(Stopped::ByTheValue) => None,
    }
}

/// Counts what becomes `null`, up to a number that should not.
struct Nulls<'a>(&'a mut usize);

impl Nulls<'_> {
    fn again(&mut self) -> Nulls<'_> {
        Nulls(self.0)
    }
}

#[derive(Debug)]
enum Stopped {
    AtANumber,
    ByTheValue,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stopped {}

impl ser::Error for Stopped {
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Stopped::ByTheValue
    }
}

type Outcome = Result<(), Stopped>;

macro_rules! never_null {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, _value: $type) -> Outcome { Ok(()) })*
    };
}

impl ser::Serializer for Nulls<'_> {
    type Ok = ();
    type Error = Stopped;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    never_null! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8]
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _value: &T) -> Outcome {
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Outcome {
        if value.is_finite() { Ok(()) } else { Err(Stopped::AtANumber) }
    }

    fn serialize_f64(self, value: f64) -> Outcome {
        if value.is_finite() { Ok(()) } else { Err(Stopped::AtANumber) }
    }

    fn serialize_unit(self) -> Outcome {
        *self.0 += 1;
        Ok(())
    }

    fn serialize_none(self) -> Outcome {
        self.serialize_unit()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Outcome {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, _variant: &'static str) -> Outcome {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Outcome {
        value.serialize(self)
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Self, Stopped> {
        Ok(self)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self, Stopped> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Self, Stopped> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self, Stopped> {
        Ok(self)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Self, Stopped> {
        Ok(self)
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Self, Stopped> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self, Stopped> {
        Ok(self)
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident $(, $key:ty)?;)*) => {
        $(impl ser::$trait for Nulls<'_> {
            type Ok = ();
            type Error = Stopped;

            fn $method<T: Serialize + ?Sized>(&mut self, $(_key: $key,)? value: &T) -> Outcome {
                value.serialize(self.again())
            }

            fn end(self) -> Outcome {
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
    SerializeStruct serialize_field, &'static str;
    SerializeStructVariant serialize_field, &'static str;
}

impl ser::SerializeMap for Nulls<'_> {
    type Ok = ();
    type Error = Stopped;

    // A key is a text, or was refused before.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _key: &T) -> Outcome {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        value.serialize(self.again())
    }

    fn end(self) -> Outcome {
        Ok(())
    }
}
