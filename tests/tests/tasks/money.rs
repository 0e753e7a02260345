//! Partial refunds, and payments that nobody can hold up.

use lumora_interface::tasks::{JobClosed, JobRefunded, TasksError};
use lumora_tests::{
    jobs::{self, Board, CHALLENGE, Finding, PRICE, WINDOW},
    tokens::{associated_account, create_associated_account},
    world::{LMR, keypair},
};
use solana_signer::Signer;

use super::{FEE, HERE, PAID, recorded};

#[test]
fn what_can_no_longer_be_spent_is_refunded_while_the_rest_is_judged() {
    let mut board = Board::growing(4, 2, 3);
    let (a, b) = (board.executor("a", HERE), board.executor("b", HERE));
    let client = board.client.insecure_clone();
    let refund = jobs::refund_job(&client.pubkey(), &board.job);
    board.work(0, &[(&a, Finding::new(1, 1)), (&b, Finding::new(1, 2))]);
    board.claim(&a, 1, 0);
    board
        .world
        .refused(std::slice::from_ref(&refund), &[], TasksError::RefundEarly.code());
    board
        .world
        .must(&[jobs::cancel_job(&client.pubkey(), &board.job)], &[&client]);

    let before = board.world.balance(&board.client_tokens);
    let refunded: JobRefunded = recorded(&board.world.must(std::slice::from_ref(&refund), &[]));
    // Four shards of three replicas were paid for; three assignments may still be paid.
    assert_eq!((refunded.amount, refunded.live_assignments), (9 * PRICE, 3));
    assert_eq!(board.world.balance(&board.client_tokens), before + 9 * PRICE);
    assert_eq!(board.escrow(), 3 * PRICE);
    board
        .world
        .refused(std::slice::from_ref(&refund), &[], TasksError::NothingToRefund.code());

    let settle = board.settle_among(0, &[&a, &b]);
    board.world.must(&[settle], &[]);
    board.world.pass(WINDOW + 1);
    board.expire(&a, 1, 0);
    let refunded: JobRefunded = recorded(&board.world.must(&[refund], &[]));
    assert_eq!((refunded.amount, refunded.live_assignments), (PRICE, 0));
    assert_eq!(board.escrow(), 0);

    let reporter = board.world.lmr_account(&keypair("reporter", 0).pubkey());
    board.slash(&a, 1, 0, &reporter);
    let tomb = jobs::close_assignment(&board.job, 1, 0, &a.operator.pubkey());
    board.world.must(&[tomb], &[]);
    let close = jobs::close_job(&client.pubkey(), &board.job);
    let closed: JobClosed = recorded(&board.world.must(&[close], &[]));
    assert_eq!(
        (
            closed.escrowed,
            closed.paid,
            closed.fees,
            closed.refunded,
            closed.surplus
        ),
        (12 * PRICE, 2 * PAID, 2 * FEE, 10 * PRICE, 0)
    );
}

#[test]
fn a_refund_goes_to_the_client_out_of_the_jobs_own_escrow() {
    let mut board = Board::new(1, 2);
    let client = board.client.insecure_clone();
    let other = super::second_job(&mut board);
    board
        .world
        .must(&[jobs::cancel_job(&client.pubkey(), &board.job)], &[&client]);
    let good = jobs::refund_job(&client.pubkey(), &board.job);
    let mut escrow = good.clone();
    escrow.accounts[1].pubkey = lumora_interface::tasks::escrow_address(&other).0;
    board
        .world
        .refused(&[escrow.clone()], &[], TasksError::WrongEscrow.code());
    let mut payee = good.clone();
    payee.accounts[2].pubkey = board.treasury;
    board.world.refused(&[payee], &[], TasksError::WrongTokenAccount.code());
    let mut close = jobs::close_job(&client.pubkey(), &board.job);
    close.accounts[1].pubkey = escrow.accounts[1].pubkey;
    board.world.refused(&[close], &[], TasksError::WrongEscrow.code());
}

#[test]
fn no_payee_can_hold_a_shard_up() {
    let mut board = Board::new(2, 1);
    let a = board.executor("a", HERE);
    let finding = Finding::new(1, 1);
    board.work(0, &[(&a, finding)]);
    board.world.pass(CHALLENGE);
    let settle = board.settle_among(0, &[&a]);

    // The owner has no LMR account any more: whoever settles creates one for it.
    board.world.svm.set_account(a.tokens, Default::default()).unwrap();
    board
        .world
        .refused(std::slice::from_ref(&settle), &[], TasksError::WrongTokenAccount.code());
    let payer = board.world.payer.pubkey();
    let mint = lumora_interface::rewards::MINT;
    assert_eq!(associated_account(&a.owner.pubkey(), &mint), a.tokens);
    let create = create_associated_account(&payer, &a.owner.pubkey(), &mint);
    board.world.must(&[create, settle], &[]);
    assert_eq!(board.world.balance(&a.tokens), PAID);

    // The treasury is gone: then there is no fee, and it goes back to the client in the end.
    board.work(1, &[(&a, finding)]);
    board.world.pass(CHALLENGE);
    board.world.svm.set_account(board.treasury, Default::default()).unwrap();
    let settle = board.settle_among(1, &[&a]);
    board.world.must(&[settle], &[]);
    assert_eq!(board.world.balance(&a.tokens), 2 * PAID);
    let close = jobs::close_job(&board.client.pubkey(), &board.job);
    let closed: JobClosed = recorded(&board.world.must(&[close], &[]));
    assert_eq!((closed.paid, closed.fees, closed.refunded), (2 * PAID, FEE, FEE));
}

#[test]
fn two_nodes_of_one_operator_get_their_rent_back_in_one_settlement() {
    let mut board = Board::new(1, 2);
    let (a, mut b) = (board.executor("a", HERE), board.executor("b", HERE));
    let shared = a.operator.pubkey();
    super::with_node(&mut board, &b, |node| node.operator = shared);
    b.operator = a.operator.insecure_clone();
    board.work(0, &[(&a, Finding::new(1, 1)), (&b, Finding::new(1, 2))]);
    let settle = board.settle_among(0, &[&a, &b]);
    let before = board.world.svm.get_balance(&shared).unwrap();
    board.world.must(&[settle], &[]);
    assert!(board.world.svm.get_balance(&shared).unwrap() > before);

    // It also takes its own other node's place: nobody is to be repaid then.
    let mut board = Board::new(1, 2);
    let (a, mut b) = (board.executor("a", HERE), board.executor("b", HERE));
    super::with_node(&mut board, &b, |node| node.operator = shared);
    b.operator = a.operator.insecure_clone();
    board.claim(&a, 0, 0);
    board.world.pass(WINDOW + 1);
    board.expire(&a, 0, 0);
    let client_tokens = board.client_tokens;
    // The client reports for itself: both parts go to one account.
    let before = board.world.balance(&client_tokens);
    board.slash(&a, 0, 0, &client_tokens);
    assert_eq!(board.world.balance(&client_tokens), before + LMR / 10 * 6 / 10);
    board.claim(&b, 0, 0);
}

#[test]
fn what_somebody_sent_to_an_escrow_does_not_keep_it_open() {
    let mut board = Board::new(1, 2);
    let escrow = lumora_interface::tasks::escrow_address(&board.job).0;
    let mut account = board.world.svm.get_account(&escrow).unwrap();
    let amount = board.escrow() + 5;
    account.data[64..72].copy_from_slice(&amount.to_le_bytes());
    board.world.svm.set_account(escrow, account).unwrap();
    let client = board.client.insecure_clone();
    board
        .world
        .must(&[jobs::cancel_job(&client.pubkey(), &board.job)], &[&client]);
    board.world.must(&[jobs::refund_job(&client.pubkey(), &board.job)], &[]);
    let again = jobs::cancel_job(&client.pubkey(), &board.job);
    board
        .world
        .refused(&[again], &[&client], TasksError::JobClosedForClaims.code());
    let close = jobs::close_job(&client.pubkey(), &board.job);
    let closed: JobClosed = recorded(&board.world.must(&[close], &[]));
    assert_eq!((closed.refunded, closed.surplus), (2 * PRICE, 5));
    assert_eq!(board.world.balance(&board.client_tokens), 1_000 * LMR + 5);
}
