/** The detail of a `sink-failed` where another tab gathers the same delivery, which two must not do at once. */
export const OPEN_ELSEWHERE = 'this delivery is open in another tab';
