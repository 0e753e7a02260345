//! The standard library for Solana: Debian's Rust source with a few edits, each of which must still apply.
//!
//! A program that uses `std` (a dependency of anchor-spl does) may not contain a writable static, because sBPF has no
//! data section. Most edits remove one; the others select the implementations for a platform without an operating system.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use super::fingerprint::Fingerprint;

/// A piece of a source file, which must occur exactly `times`, and what stands there instead.
struct Edit {
    file: &'static str,
    why: &'static str,
    times: usize,
    find: &'static str,
    replace: &'static str,
}

/// Files that the edits refer to and Rust does not have.
const NEW_FILES: &[(&str, &str)] = &[("std/src/sys/alloc/solana.rs", include_str!("support/alloc_solana.rs"))];

const EDITS: &[Edit] = &[
    Edit {
        file: "std/src/sys/alloc/mod.rs",
        why: "the alignment that an allocator guarantees",
        times: 1,
        find: "    target_arch = \"riscv32\",\n    target_arch = \"xtensa\",\n)) {\n    8\n",
        replace: "    target_arch = \"riscv32\",\n    target_arch = \"xtensa\",\n    target_arch = \"bpf\",\n)) {\n    8\n",
    },
    Edit {
        file: "std/src/sys/alloc/mod.rs",
        why: "no system allocator",
        times: 1,
        find: "    target_os = \"zkvm\" => {\n        mod zkvm;\n    }\n",
        replace: "    target_os = \"zkvm\" => {\n        mod zkvm;\n    }\n    target_os = \"solana\" => {\n        mod solana;\n    }\n",
    },
    Edit {
        file: "std/src/sys/io/error/mod.rs",
        why: "no error numbers",
        times: 1,
        find: "        target_os = \"zkvm\",\n",
        replace: "        target_os = \"zkvm\",\n        target_os = \"solana\",\n",
    },
    Edit {
        file: "std/src/sys/thread_local/mod.rs",
        why: "one thread, so that thread-local values need no key",
        times: 2,
        find: "target_os = \"zkvm\",\n",
        replace: "target_os = \"zkvm\", target_os = \"solana\",\n",
    },
    Edit {
        file: "std/src/sys/random/mod.rs",
        why: "no source of randomness",
        times: 1,
        find: "        target_os = \"vexos\",\n    ) => {\n        // FIXME: finally remove",
        replace: "        target_os = \"vexos\",\n        target_os = \"solana\",\n    ) => {\n        // FIXME: finally remove",
    },
    Edit {
        file: "std/src/sys/random/mod.rs",
        why: "the module above names its own hash keys",
        times: 1,
        find: "    target_os = \"xous\",\n    target_os = \"vexos\",\n)))]\npub fn hashmap_random_keys",
        replace: "    target_os = \"xous\",\n    target_os = \"vexos\",\n    target_os = \"solana\",\n)))]\npub fn hashmap_random_keys",
    },
    Edit {
        file: "std/src/hash/random.rs",
        why: "every validator must hash alike, and the keys would be a writable static",
        times: 1,
        find: "        thread_local!(static KEYS: Cell<(u64, u64)> = {\n            Cell::new(hashmap_random_keys())\n        });\n\n        KEYS.with(|keys| {\n            let (k0, k1) = keys.get();\n            keys.set((k0.wrapping_add(1), k1));\n            RandomState { k0, k1 }\n        })\n",
        replace: "        RandomState { k0: 0, k1: 0 }\n",
    },
    Edit {
        file: "std/src/hash/random.rs",
        why: "unused after the edit above",
        times: 1,
        find: "use crate::cell::Cell;\nuse crate::fmt;\nuse crate::sys::random::hashmap_random_keys;\n",
        replace: "use crate::fmt;\n",
    },
    Edit {
        file: "std/src/panicking.rs",
        why: "panics are reported by the program (`custom_panic`) and end with the system call `abort`; the hook is a writable static",
        times: 1,
        find: "pub fn panic_handler(info: &core::panic::PanicInfo<'_>) -> ! {\n",
        replace: "#[allow(unreachable_code)]\npub fn panic_handler(info: &core::panic::PanicInfo<'_>) -> ! {\n    {\n        unsafe extern \"Rust\" {\n            fn custom_panic(info: &core::panic::PanicInfo<'_>);\n        }\n        unsafe extern \"C\" {\n            fn abort() -> !;\n        }\n        unsafe {\n            custom_panic(info);\n            abort()\n        }\n    }\n",
    },
    Edit {
        file: "std/src/panicking.rs",
        why: "keeps the panic hook alive",
        times: 1,
        find: "#[used(compiler)]\npub static EMPTY_PANIC",
        replace: "pub static EMPTY_PANIC",
    },
    Edit {
        file: "std/src/alloc.rs",
        why: "the allocation error hook is a writable static",
        times: 1,
        find: "pub fn rust_oom(layout: Layout) -> ! {\n    crate::sys::backtrace::__rust_end_short_backtrace(|| {\n        let hook = HOOK.load(Ordering::Acquire);\n        let hook: fn(Layout) =\n            if hook.is_null() { default_alloc_error_hook } else { unsafe { mem::transmute(hook) } };\n        hook(layout);\n        crate::process::abort()\n    })\n}\n",
        replace: "pub fn rust_oom(_layout: Layout) -> ! {\n    panic!(\"out of memory\")\n}\n",
    },
];

/// What identifies the edits, so that a changed edit means a new copy.
pub(super) fn fingerprint() -> Fingerprint {
    let mut fingerprint = Fingerprint::new();
    for (path, text) in NEW_FILES {
        fingerprint.add(path).add(text);
    }
    for edit in EDITS {
        fingerprint.add(edit.file).add(edit.find).add(edit.replace);
    }
    fingerprint
}

/// Edits the `library` folder of a Rust source tree in place.
pub(super) fn edit(library: &Path) -> Result<()> {
    for (path, text) in NEW_FILES {
        let path = library.join(path);
        ensure!(
            !path.exists(),
            "{} exists already: this Rust knows Solana, look at xtask/src/sbf/std_source.rs",
            path.display()
        );
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    for edit in EDITS {
        let path = library.join(edit.file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let times = text.matches(edit.find).count();
        ensure!(
            times == edit.times,
            "an edit of the standard library no longer applies: {} should hold the following {} time(s) and holds it {times} time(s).\n\
             Purpose of the edit: {}.\nDebian's Rust has probably changed: correct the edit in xtask/src/sbf/std_source.rs.\n---\n{}---",
            edit.file,
            edit.times,
            edit.why,
            edit.find,
        );
        fs::write(&path, text.replace(edit.find, edit.replace))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
