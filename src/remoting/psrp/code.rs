//! Numbers with names: enumerations whose unknown numbers are kept, because other versions have more of them.

/// Declares an enumeration of wire numbers; a number without a name becomes `Unknown`.
macro_rules! coded {
    ($(#[$comment:meta])* $name:ident: $number:ty { $($variant:ident = $code:literal,)* }) => {
        $(#[$comment])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $(
                #[doc = concat!("`", stringify!($variant), "`, ", stringify!($code), " on the wire.")]
                $variant,
            )*
            /// A number that has no name here.
            Unknown($number),
        }

        impl $name {
            /// The meaning of a number on the wire.
            pub fn from_code(code: $number) -> Self {
                match code {
                    $($code => Self::$variant,)*
                    code => Self::Unknown(code),
                }
            }

            /// The number on the wire.
            pub fn code(self) -> $number {
                match self {
                    $(Self::$variant => $code,)*
                    Self::Unknown(code) => code,
                }
            }

            /// The name in the specification.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                    Self::Unknown(_) => "Unknown",
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    Self::Unknown(code) => write!(formatter, "Unknown (0x{code:X})"),
                    known => formatter.write_str(known.name()),
                }
            }
        }
    };
}

pub(crate) use coded;
