/** The metrics that runs of a task have, the usual one first. */
export function metricsOf(task: string): string[] {
  if (task === "teacher-student") return ["relative_loss", "fresh_loss", "sin_in", "sin_out"];
  const own = task === "sequence-classification" ? "accuracy" : "perplexity";
  return ["eval_loss", "train_loss", own, "grad_norm", "learning_rate"];
}
