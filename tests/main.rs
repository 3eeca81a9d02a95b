//! The one test binary: every test file beside the library is a module of it, listed here.

mod house {
    mod forgotten;
    mod imports;
    mod words;
}
mod peers {
    mod psrp;
}
mod support {
    pub(crate) mod source;
    pub(crate) mod wait;
}
mod wire {
    mod clixml;
    mod pair;
    mod wsman;
}
