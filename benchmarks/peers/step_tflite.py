"""TensorFlow Lite: a training signature, variables inside the model, Adadelta and Eq. 8 written as ours."""

from __future__ import annotations

import tensorflow as tf
from step_worker import EXPERTS, LAMBDA_1, Samples, Step, Wanted, initial_parameters, serve

_LEARNING_RATE, _RHO, _EPS = 0.01, 0.95, 1e-7


class Head(tf.Module):
    """The packed head and its optimizer slots."""

    def __init__(self, wanted: Wanted) -> None:
        head_parameters = initial_parameters(wanted.features)
        self.values = [tf.Variable(head_parameters[:, :-1].T.copy()), tf.Variable(head_parameters[:, -1].copy())]
        self.squares = [tf.Variable(tf.zeros_like(value)) for value in self.values]
        self.deltas = [tf.Variable(tf.zeros_like(value)) for value in self.values]
        shapes = [tf.TensorSpec([wanted.batch, wanted.features]), tf.TensorSpec([wanted.batch, 2])]
        self.train = tf.function(self._train, input_signature=shapes)

    def _train(self, z: tf.Tensor, y: tf.Tensor) -> dict[str, tf.Tensor]:
        batch = z.shape[0]
        with tf.GradientTape() as tape:
            products = tf.matmul(z, self.values[0]) + self.values[1]
            logits, flat = tf.split(products, [EXPERTS, 2 * EXPERTS], axis=1)
            experts = tf.reshape(flat, [batch, EXPERTS, 2])
            gate = tf.reshape(tf.nn.softmax(logits), [batch, EXPERTS, 1])
            affect = tf.reduce_sum(gate * experts, axis=1)
            squared = tf.reduce_sum(tf.square(affect - y), axis=1)
            loss = tf.reduce_mean(squared + LAMBDA_1 * tf.reduce_sum(tf.abs(logits), axis=1))
        gradients = tape.gradient(loss, self.values)
        for value, square, delta, gradient in zip(self.values, self.squares, self.deltas, gradients, strict=True):
            square.assign(_RHO * square + (1 - _RHO) * tf.square(gradient))
            update = gradient * tf.sqrt((delta + _EPS) / (square + _EPS))
            delta.assign(_RHO * delta + (1 - _RHO) * tf.square(update))
            value.assign_sub(_LEARNING_RATE * update)
        return {"loss": loss}


def make(wanted: Wanted) -> Step:
    """Return a step."""
    head = Head(wanted)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([head.train.get_concrete_function()], head)
    converter.experimental_enable_resource_variables = True
    interpreter = tf.lite.Interpreter(model_content=converter.convert(), num_threads=wanted.threads)
    interpreter.allocate_tensors()
    train = interpreter.get_signature_runner()
    samples = Samples(wanted)

    def step() -> None:
        z, y = samples.fresh()
        train(z=z[0], y=y[0])

    return step


if __name__ == "__main__":
    serve(make, lambda: {"tensorflow": tf.__version__})
