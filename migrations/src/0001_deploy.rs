//! Deploys the five programs, or upgrades those whose code differs.

use {
    crate::{
        Context, Error, Outcome,
        loader::{self, Change, Program},
    },
    lumora_interface::{Address, bandwidth, market, registry, rewards, tasks},
    solana_signer::Signer,
};

const PROGRAMS: [(&str, Address); 5] = [
    ("registry", registry::ID),
    ("bandwidth", bandwidth::ID),
    ("rewards", rewards::ID),
    ("tasks", tasks::ID),
    ("market", market::ID),
];

pub(crate) async fn run(context: &Context<'_>) -> Result<Outcome, Error> {
    let programs = PROGRAMS
        .iter()
        .map(|(name, id)| read(context, name, *id))
        .collect::<Result<Vec<_>, Error>>()?;
    let changes = loader::deploy(context.sender, &programs, |done, total| context.progress(done, total)).await?;
    let done = programs
        .iter()
        .zip(changes)
        .filter_map(|(program, change)| match change {
            Change::Deployed => Some(format!("deployed {} ({} bytes)", program.name, program.code.len())),
            Change::Upgraded => Some(format!("upgraded {} ({} bytes)", program.name, program.code.len())),
            Change::Unchanged => None,
        })
        .collect();
    Ok(Outcome::of(done))
}

fn read(context: &Context<'_>, name: &'static str, id: Address) -> Result<Program, Error> {
    let settings = &context.settings.programs;
    let path = settings.folder.join(format!("lumora_{name}.so"));
    let code = std::fs::read(&path).map_err(|source| Error::ProgramFile { path, source })?;
    let keypair = settings.keypair(name)?;
    if keypair.pubkey() != id {
        return Err(Error::ProgramKeypair {
            program: name,
            found: keypair.pubkey(),
            expected: id,
        });
    }
    let headroom = code.len().saturating_mul(usize::from(settings.headroom_bps)) / 10_000;
    Ok(Program {
        name: name.to_owned(),
        keypair,
        max_bytes: code.len().saturating_add(headroom),
        code,
    })
}
