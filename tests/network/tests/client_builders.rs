//! The instructions that the client builds are those that the programs take: same bytes, same accounts, same order, same rights.
//! The other side of each comparison is what the programs themselves generate.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use {
    lumora_client::{bandwidth, market, quorum, registry, rewards, tasks, token},
    lumora_core::{attestation::Leaf, delivery},
    lumora_interface::tasks::ShardState,
    lumora_tests::{
        instructions as generated,
        jobs::{self, Executor},
        sales,
        world::keypair,
    },
    solana_address::Address,
    solana_instruction::Instruction,
    solana_signer::Signer,
};

/// The same arguments as the interface and as the program declare them.
macro_rules! both {
    ($interface:ident / $program:ident :: $name:ident { $($field:ident: $value:expr,)* }) => {
        (
            lumora_interface::$interface::$name { $($field: $value,)* },
            $program::instructions::$name { $($field: $value,)* },
        )
    };
}

fn address(seed: u8) -> Address {
    Address::new_from_array([seed; 32])
}

#[track_caller]
fn same(client: &Instruction, program: &Instruction) {
    assert_eq!(client.program_id, program.program_id, "program");
    assert_eq!(client.data, program.data, "data");
    assert_eq!(client.accounts, program.accounts, "accounts");
}

#[test]
fn registry_instructions() {
    let (owner, node) = (address(1), address(2));
    let (ours, theirs) = both!(
        registry
            / lumora_registry::InitializeRegistryArguments {
                guardian: address(3),
                network_id: [4; 32],
                notice_seconds: 17,
                minimum_bond: 5,
                shard_bond: 6,
                unbonding_seconds: 7,
                weights: [1_000, 2_000, 3_000, 4_000],
                reference_kbps: 8,
                half_distance_km: 9,
                half_latency_us: 10,
                max_wait_seconds: 11,
                attestation_max_age_seconds: 12,
                capacity_share: 13,
                expiry_slash: 14,
                protocol_fee: 15,
                burn_share: 16,
            }
    );
    same(
        &registry::initialize(&owner, &ours),
        &generated::initialize_registry_with(&owner, theirs),
    );

    let (ours, theirs) = both!(
        registry
            / lumora_registry::RegisterNodeArguments {
                index: 258,
                operator: address(3),
                transport_key: [4; 32],
                h3_cell: 5,
                location: [-6, 7, -8],
                limit_kbps: 9,
                shard_capacity: 10,
            }
    );
    same(
        &registry::register_node(&owner, &ours),
        &generated::register_node(&owner, theirs),
    );

    let (ours, theirs) = both!(
        registry
            / lumora_registry::UpdateNodeArguments {
                operator: address(3),
                transport_key: [4; 32],
                h3_cell: 5,
                location: [-6, 7, -8],
                limit_kbps: 9,
                shard_capacity: 10,
                status: 1,
            }
    );
    same(
        &registry::update_node(&owner, &node, &ours),
        &generated::update_node(&owner, &node, theirs),
    );

    same(&registry::create_vault(&owner), &generated::create_vault(&owner));
    same(
        &registry::deposit_bond(&owner, &node, 77),
        &generated::deposit_bond(&owner, &node, &token::lmr_account(&owner), 77),
    );
}

#[test]
fn instructions_that_govern_the_network() {
    let (authority, other) = (address(1), address(2));
    same(
        &registry::propose_authority(&authority, &other),
        &generated::propose_authority(&authority, &other),
    );
    same(
        &registry::accept_authority(&other),
        &generated::accept_authority(&other),
    );
    same(
        &registry::set_guardian(&authority, &other),
        &generated::set_guardian(&authority, &other),
    );
    same(
        &registry::renounce_authority(&authority),
        &generated::renounce_authority(&authority),
    );
    same(&registry::pause(&other, 5), &generated::pause(&other, 5));
    same(&registry::unpause(&authority, 6), &generated::unpause(&authority, 6));

    let parameters = lumora_interface::registry::NetworkParameters {
        minimum_bond: 1,
        shard_bond: 2,
        unbonding_seconds: -3,
        weights: [4, 5, 6, 7],
        reference_kbps: 8,
        half_distance_km: 9,
        half_latency_us: 10,
        max_wait_seconds: 11,
        attestation_max_age_seconds: 12,
        capacity_share: 13,
        expiry_slash: 14,
        protocol_fee: 15,
        burn_share: 16,
        _padding: [0; 4],
    };
    same(
        &registry::announce_parameters(&authority, &parameters),
        &generated::announce_parameters(&authority, &parameters),
    );
    same(
        &registry::withdraw_announcement(&authority),
        &generated::withdraw_announcement(&authority),
    );
    same(&registry::apply_parameters(), &generated::apply_parameters());

    let arguments = lumora_interface::registry::AdaptArguments {
        weights: [1, 2, 3, 4],
        max_wait_seconds: 5,
        reasons: [6, 7],
        epoch: 8,
    };
    same(
        &registry::adapt(&other, &arguments),
        &generated::adapt(&other, &arguments),
    );
    same(
        &registry::freeze_adaptation(&other),
        &generated::freeze_adaptation(&other),
    );
    same(
        &registry::unfreeze_adaptation(&authority),
        &generated::unfreeze_adaptation(&authority),
    );
}

#[test]
fn instructions_that_take_bonds_back() {
    let (owner, node) = (address(1), address(2));
    let tokens = token::lmr_account(&owner);
    same(
        &registry::request_unbond(&owner, &node, 77),
        &generated::request_unbond(&owner, &node, 77),
    );
    same(
        &registry::withdraw_bond(&owner, &node),
        &generated::withdraw_bond(&owner, &node, &tokens),
    );
    same(
        &registry::close_node(&owner, &node, &owner),
        &generated::close_node(&owner, &node, &tokens),
    );
    let (slasher, reporter, injured) = (address(3), address(4), address(5));
    same(
        &registry::slash(&slasher, &node, &reporter, &injured, 77),
        &generated::slash(&slasher, &node, &reporter, &injured, 77),
    );
}

#[test]
fn bandwidth_instructions() {
    let (payer, node) = (address(1), address(2));
    same(
        &bandwidth::initialize(&payer, &lumora_tests::world::ORACLES),
        &generated::initialize_oracles(&payer),
    );
    same(
        &bandwidth::migrate_oracle_set(&payer),
        &generated::migrate_oracle_set(&payer),
    );

    let arguments = lumora_interface::bandwidth::AddOracleArguments {
        key: address(3),
        endpoint: [1; 18],
        owner: address(4),
    };
    same(
        &bandwidth::add_oracle(&payer, &arguments),
        &generated::add_oracle(&payer, &address(3), &address(4)),
    );
    same(
        &bandwidth::update_oracle(&payer, &address(3), [5; 18]),
        &generated::update_oracle(&payer, &address(3), [5; 18]),
    );
    same(
        &bandwidth::create_oracle_vault(&payer),
        &generated::create_oracle_vault(&payer),
    );
    let tokens = token::lmr_account(&payer);
    same(
        &bandwidth::deposit_oracle_bond(&payer, &address(3), 77),
        &generated::deposit_oracle_bond(&payer, &address(3), &tokens, 77),
    );
    same(
        &bandwidth::remove_oracle(&payer, &address(3)),
        &generated::remove_oracle(&payer, &address(3)),
    );
    same(
        &bandwidth::withdraw_oracle_bond(&payer, &address(3)),
        &generated::withdraw_oracle_bond(&payer, &address(3), &tokens),
    );
    same(
        &bandwidth::set_minimum_bond(&payer, 88),
        &generated::set_minimum_bond(&payer, 88),
    );
    same(
        &bandwidth::slash_node(&node, &payer),
        &generated::slash_node(&node, &tokens),
    );

    same(&bandwidth::open_epoch(&payer, 9), &generated::open_epoch(&payer, 9));
    same(&bandwidth::draw_seed(9), &generated::draw_seed(9));
    same(&bandwidth::close_epoch(9, &payer), &generated::close_epoch(9, &payer));

    let arguments = lumora_interface::bandwidth::AdaptRankingArguments {
        digest: [3; 32],
        weights: [1, 2, 3, 4],
        max_wait_seconds: 5,
        reasons: [6, 7],
        expires_at: 8,
    };
    let [_, adapt] = bandwidth::adapt_ranking(&payer, &address(5), 9, &arguments, &[]);
    same(&adapt, &generated::adapt_ranking(&payer, &address(5), 9, &arguments));
    same(
        &bandwidth::close_adaptation(&[3; 32], &payer),
        &generated::close_adaptation(&[3; 32], &payer),
    );

    let arguments = lumora_interface::bandwidth::CommitBundleArguments {
        root: [3; 32],
        count: 4,
    };
    same(
        &bandwidth::commit_bundle(&payer, 9, &arguments),
        &generated::commit_bundle(&payer, 9, [3; 32], 4),
    );

    let arguments = lumora_interface::bandwidth::SubmitAttestationArguments {
        root: [1; 32],
        leaf_count: 2,
        total_contribution: 3,
        epoch_reward: 4,
        cumulative_reward: 5,
        bundles: 6,
        expires_at: 7,
    };
    let oracles = [keypair("oracle", 0), keypair("oracle", 1)];
    let signed = oracles
        .each_ref()
        .map(|oracle| (oracle.pubkey(), oracle.sign_message(&[12; 32])));
    let [precompile, submit] = bandwidth::submit_attestation(9, &arguments, &[12; 32], &signed);
    same(&submit, &generated::submit_attestation(9, &arguments));
    same(&precompile, &quorum::signatures_instruction(&[12; 32], &signed));
    let keys: Vec<_> = lumora_interface::bandwidth::signatures::signers(&precompile.data, 0, &[12; 32])
        .unwrap()
        .copied()
        .collect();
    assert_eq!(keys, signed.map(|(key, _)| key.to_bytes()));

    let other = lumora_interface::bandwidth::SubmitAttestationArguments {
        root: [8; 32],
        ..arguments
    };
    let (liar, digests) = (&oracles[0], [[12; 32], [13; 32]]);
    let signatures = digests.map(|digest| liar.sign_message(&digest));
    let [first, second, report] = bandwidth::report_equivocation(
        9,
        &payer,
        &liar.pubkey(),
        [
            (&arguments, digests[0], signatures[0]),
            (&other, digests[1], signatures[1]),
        ],
    );
    same(
        &report,
        &generated::report_equivocation(9, &tokens, [&arguments, &other]),
    );
    for (precompile, (digest, signature)) in [first, second].iter().zip(digests.iter().zip(signatures)) {
        same(
            precompile,
            &quorum::signatures_instruction(digest, &[(liar.pubkey(), signature)]),
        );
    }

    let leaf = Leaf {
        node: node.to_bytes(),
        epoch: 9,
        down_kbps: 1,
        up_kbps: 2,
        rtt_us: 3,
        uptime_bps: 4,
        reputation_bps: 5,
        reason: 6,
        contribution: 7,
        cumulative_contribution: 8,
        cumulative_reward: 10,
    };
    let arguments = lumora_interface::bandwidth::ProveArguments {
        index: 11,
        down_kbps: leaf.down_kbps,
        up_kbps: leaf.up_kbps,
        rtt_us: leaf.rtt_us,
        uptime_bps: leaf.uptime_bps,
        reputation_bps: leaf.reputation_bps,
        reason: leaf.reason,
        contribution: leaf.contribution,
        cumulative_contribution: leaf.cumulative_contribution,
        cumulative_reward: leaf.cumulative_reward,
    };
    for path in [vec![], vec![[1; 32], [2; 32], [3; 32]]] {
        same(
            &bandwidth::prove(&payer, 9, &node, &arguments, &path),
            &generated::prove(&payer, 9, &node, &leaf, 11, path),
        );
    }
}

#[test]
fn rewards_instructions() {
    let (payer, node) = (address(1), address(2));
    let (ours, theirs) = both!(
        rewards
            / lumora_rewards::InitializeRewardsArguments {
                genesis: -1,
                epoch_seconds: 2,
                epochs_per_cycle: 3,
                first_amount: 4,
                decay: 5,
                cap: 6,
                vesting_cliff_seconds: 7,
                vesting_seconds: 8,
                breaker_limit: 9,
                breaker_seconds: 10,
            }
    );
    same(
        &rewards::initialize(&payer, &ours),
        &generated::initialize_rewards_with(&payer, theirs),
    );
    same(&rewards::fund_epoch(9), &generated::fund_epoch(9));
    let owner = address(3);
    same(
        &rewards::claim(&payer, &node, &owner),
        &generated::claim(&payer, &node, &owner, &token::lmr_account(&owner)),
    );
    let other = (address(4), address(5));
    same(
        &rewards::claim_many(&[(node, owner), other]),
        &generated::claim_many(&[
            (node, token::lmr_account(&owner)),
            (other.0, token::lmr_account(&other.1)),
        ]),
    );
    same(
        &rewards::grant(&payer, &owner, 258, 77),
        &generated::grant(&payer, &owner, 258, 77),
    );
    same(
        &rewards::release(&owner, 258, &payer),
        &generated::release(&owner, 258, &payer),
    );
    same(
        &rewards::set_breaker(&payer, 77, 60),
        &generated::set_breaker(&payer, 77, 60),
    );
    same(&rewards::burn_fees(&payer), &generated::burn_fees(&payer));
    same(
        &rewards::create_metadata(&payer, "Lumora", "LMR", "https://example.org"),
        &generated::create_metadata(&payer, "Lumora", "LMR", "https://example.org"),
    );
}

#[test]
fn tasks_instructions() {
    let (client, treasury, job) = (address(1), address(2), address(3));
    same(
        &tasks::initialize(&client, &treasury),
        &jobs::initialize(&client, &treasury),
    );

    let (ours, theirs) = both!(
        tasks
            / lumora_tasks::CreateJobArguments {
                manifest_hash: [1; 32],
                uri_hash: [2; 32],
                target: [-3, 4, -5],
                replicas: 6,
                max_replicas: 7,
                tolerance_bits: 7,
                tolerance_count: 8,
                price: 9,
                deadline: -10,
                commit_seconds: 11,
                reveal_seconds: 12,
                challenge_seconds: 13,
            }
    );
    same(
        &tasks::create_job(&client, 13, 14, &ours),
        &jobs::create_job(&client, 13, 14, theirs),
    );

    let executor = |seed: u8| {
        let owner = keypair("owner", seed);
        Executor {
            tokens: token::lmr_account(&owner.pubkey()),
            operator: keypair("operator", seed),
            node: address(seed),
            owner,
        }
    };
    let (first, second) = (executor(20), executor(21));
    let operator = first.operator.pubkey();
    let replica = tasks::Replica {
        job,
        shard: 300,
        replica: 1,
    };
    let state = ShardState::default().with(0).with(2);
    let other = second.operator.pubkey();
    for former in [None, Some(operator), Some(other)] {
        // Nobody is repaid what it paid itself.
        let repaid = former.filter(|former| *former != operator);
        same(
            &tasks::claim_shard(&operator, &first.node, replica, state, former),
            &jobs::claim_shard(&first, &job, 300, 1, &[0, 2], repaid),
        );
    }
    same(
        &tasks::commit_result(&operator, replica, &[5; 32]),
        &jobs::commit_result(&operator, &replica.assignment(), [5; 32]),
    );
    let (ours, theirs) = both!(
        tasks
            / lumora_tasks::RevealResultArguments {
                result_root: [1; 32],
                records: 2,
                word: [3; 4],
                salt: [4; 32],
                rest: [5; 32],
            }
    );
    same(
        &tasks::reveal_result(&operator, replica, state, &ours),
        &jobs::reveal_result(&operator, &job, 300, 1, &[0, 2], theirs),
    );
    let assigned = |replica: u8, executor: &Executor| tasks::Assigned {
        replica,
        node: executor.node,
        owner: executor.owner.pubkey(),
        rent_payer: executor.operator.pubkey(),
    };
    // Whatever the order in which they are given.
    same(
        &tasks::settle_shard(&job, &treasury, 300, &[assigned(2, &second), assigned(1, &first)]),
        &jobs::settle_shard(&job, &treasury, 300, &[(1, &first), (2, &second)]),
    );
    same(
        &tasks::expire_assignment(replica, state.with(1), &first.node),
        &jobs::expire_assignment(&job, 300, 1, &first, &[0, 2]),
    );
    same(&tasks::cancel_job(&client, &job), &jobs::cancel_job(&client, &job));
    same(&tasks::close_job(&job, &client), &jobs::close_job(&client, &job));
    same(
        &tasks::slash_assignment(replica, &first.node, &client, &treasury),
        &jobs::slash_assignment(&client, &job, 300, 1, &first, &treasury),
    );
    same(
        &tasks::close_assignment(replica, &other),
        &jobs::close_assignment(&job, 300, 1, &other),
    );
    same(&tasks::refund_job(&job, &client), &jobs::refund_job(&client, &job));
    let (ours, theirs) = both!(
        tasks
            / lumora_tasks::RejectResultArguments {
                digest: [1; 32],
                reason: 2,
                set_version: 3,
                expires_at: -4,
            }
    );
    same(
        &tasks::reject_result(&client, replica, &first.node, &other, &ours),
        &jobs::reject_result(&client, &replica.assignment(), &job, &first.node, &other, theirs),
    );
    same(
        &tasks::close_verdict(&[1; 32], &replica.assignment(), &other),
        &jobs::close_verdict(&[1; 32], &replica.assignment(), &other),
    );
}

#[test]
fn market_instructions() {
    let (seller, buyer, treasury, listing) = (address(1), address(2), address(3), address(4));
    same(
        &market::initialize(&seller, &treasury),
        &sales::initialize(&seller, &treasury),
    );

    let (ours, theirs) = both!(
        market
            / lumora_market::CreateListingArguments {
                price: 1,
                delivery_seconds: 2,
                listing_key: [3; 32],
                dataset_id: [4; 32],
                metadata_hash: [5; 32],
                uri_hash: [6; 32],
                content_hash: [7; 32],
                ciphertext_root: [8; 32],
                plaintext_root: [9; 32],
                provenance_root: [10; 32],
                job: address(11),
                rows: 12,
                size_bytes: 13,
                segments: 14,
            }
    );
    let payees = [(address(5), 4_000), (address(6), 6_000)];
    let shares = payees.map(|(payee, basis_points)| lumora_interface::market::Share { payee, basis_points });
    same(
        &market::create_listing(&seller, 15, &ours, &shares),
        &sales::create_listing(&seller, 15, theirs, &payees),
    );

    let (ours, theirs) = both!(
        market
            / lumora_market::BuyArguments {
                revision: 1,
                price: 2,
                buyer_key: [3; 32],
            }
    );
    same(
        &market::buy(&buyer, &listing, 7, &ours),
        &sales::buy(&buyer, &listing, 7, theirs),
    );

    let purchase = lumora_interface::market::purchase_address(&listing, &buyer, 7).0;
    let proof: [u8; 80] = std::array::from_fn(|index| index as u8);
    let sent = delivery::Delivery {
        ephemeral: delivery::Point([1; 32]),
        sealed: delivery::Point([2; 32]),
        proof: delivery::Proof::from_bytes(&proof),
    };
    let arguments = lumora_interface::market::DeliverArguments {
        ephemeral: [1; 32],
        sealed: [2; 32],
        proof,
    };
    let wallets = [address(5), address(6)];
    same(
        &market::deliver(&listing, &purchase, &buyer, &treasury, &wallets, &arguments),
        &sales::deliver(
            &listing,
            &purchase,
            &buyer,
            &treasury,
            &wallets.map(|wallet| token::lmr_account(&wallet)),
            &sent,
        ),
    );
    same(
        &market::refund(&listing, &purchase, &buyer),
        &sales::refund(&listing, &purchase, &buyer),
    );
    same(
        &market::rate(&buyer, &listing, &purchase, 5),
        &sales::rate(&buyer, &listing, &purchase, 5),
    );
    same(
        &market::withdraw_listing(&seller, &listing),
        &sales::withdraw_listing(&seller, &listing),
    );
    let (ours, theirs) = both!(
        market
            / lumora_market::UpdateListingArguments {
                price: 1,
                delivery_seconds: 2,
                metadata_hash: [3; 32],
                uri_hash: [4; 32],
            }
    );
    same(
        &market::update_listing(&seller, &listing, &ours),
        &sales::update_listing(&seller, &listing, theirs),
    );
    let bond = lumora_interface::market::AddBondArguments { amount: 5 };
    same(
        &market::add_bond(&seller, &listing, &bond),
        &sales::add_bond(&seller, &listing, 5),
    );
    same(
        &market::withdraw_bond(&seller, &listing),
        &sales::withdraw_bond(&seller, &listing),
    );
    same(
        &market::close_listing(&seller, &listing),
        &sales::close_listing(&seller, &listing),
    );
    same(
        &market::close_purchase(&buyer, &purchase),
        &sales::close_purchase(&buyer, &purchase),
    );
}
