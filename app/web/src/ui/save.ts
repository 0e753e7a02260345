/** Saves something as a file of the person's. */
export function save(name: string, content: Blob): void {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    // The download has begun by then; the address would hold the content in memory.
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
