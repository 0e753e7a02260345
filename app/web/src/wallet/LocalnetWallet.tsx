/** What the wallet of local networks asks: which key, and whether to sign. */
import { useEffect, useState } from 'react';

import { Button } from '../ui/basics';
import { Dialog } from '../ui/dialog';
import { TextField } from '../ui/fields';
import { parseSecret, registerLocalnetWallet } from './localnet';

type Question =
    | { readonly kind: 'key'; readonly answer: (key: Uint8Array | undefined) => void }
    | { readonly kind: 'signature'; readonly bytes: number; readonly answer: (approved: boolean) => void };

let ask: ((question: Question) => void) | undefined;
let registered = false;

function registerOnce(): void {
    if (registered) return;
    registered = true;
    registerLocalnetWallet({
        chooseKey: () => new Promise(answer => ask?.({ kind: 'key', answer })),
        approves: transaction => new Promise(answer => ask?.({ kind: 'signature', bytes: transaction.length, answer })),
    });
}

/** See the module. */
export default function LocalnetWallet() {
    const [question, setQuestion] = useState<Question>();
    useEffect(() => {
        ask = setQuestion;
        registerOnce();
        return () => {
            ask = undefined;
        };
    }, []);
    if (question === undefined) return null;
    const done = () => setQuestion(undefined);
    if (question.kind === 'key') return <ChooseKey answer={question.answer} done={done} />;
    const answer = (approved: boolean) => {
        question.answer(approved);
        done();
    };
    return (
        <Dialog title="Localnet key" onClose={() => answer(false)}>
            <p>Sign this transaction of {question.bytes} bytes? It was simulated, and would succeed.</p>
            <div className="mt-4 flex justify-end gap-2">
                <Button onClick={() => answer(false)}>Reject</Button>
                <Button kind="primary" data-first onClick={() => answer(true)}>
                    Sign
                </Button>
            </div>
        </Dialog>
    );
}

function ChooseKey({ answer, done }: { answer: (key: Uint8Array | undefined) => void; done: () => void }) {
    const [text, setText] = useState('');
    const key = parseSecret(text);
    const give = (key: Uint8Array | undefined) => {
        answer(key);
        done();
    };
    return (
        <Dialog title="Localnet key" onClose={() => give(undefined)}>
            <form
                className="space-y-4"
                onSubmit={event => {
                    event.preventDefault();
                    if (key !== undefined) give(key);
                }}
            >
                <TextField
                    label="Secret key"
                    type="password"
                    data-first
                    value={text}
                    onText={setText}
                    error={
                        text !== '' && key === undefined
                            ? 'This is no secret key: paste base58 text, or the numbers of a keypair file.'
                            : undefined
                    }
                    hint="As “lumora localnet” prints it, or the content of a keypair file. It stays in this page's memory. Never paste a key that holds real money."
                />
                <div className="flex justify-end gap-2">
                    <Button onClick={() => give(crypto.getRandomValues(new Uint8Array(32)))}>New key</Button>
                    <Button kind="primary" type="submit" disabled={key === undefined}>
                        Use this key
                    </Button>
                </div>
            </form>
        </Dialog>
    );
}
