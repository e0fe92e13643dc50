// An answer is as old as its question: what happened while it was on its way is laid over it.

export class Meanwhile {
  constructor() {
    this.asked = new Set();
  }

  // Does something now, and once more after each answer that is still on its way.
  happen(deed) {
    deed();
    for (const missed of this.asked) missed.push(deed);
  }

  async ask(question, take) {
    const missed = [];
    this.asked.add(missed);
    let answer;
    try {
      answer = await question();
    } finally {
      this.asked.delete(missed);
    }
    take(answer);
    for (const deed of missed) deed();
  }
}
