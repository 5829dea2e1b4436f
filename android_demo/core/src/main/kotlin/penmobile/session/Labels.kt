package penmobile.session

import penmobile.bundle.AdaptPart
import penmobile.store.Sample

private const val FAR = 8.0 // times the median norm of the features
private const val INDEPENDENT = 20.0 // noise lengths after which errors have nothing in common

/** The inputs of the method `adapt`: N rows, of which those behind the labels have weight 0. */
class AdaptInputs(val z: FloatArray, val y: FloatArray, val weight: FloatArray, val time: FloatArray)

/**
 * Return samples whose features have a norm like the others: a broken camera gives another.
 *
 * @param samples at least one.
 */
fun usable(samples: List<Sample>): List<Sample> {
    val norms = samples.map { sample -> Math.sqrt(sample.feature.fold(0.0) { sum, value -> sum + value.toDouble() * value }) }
    val sorted = norms.sorted()
    val middle = (sorted[(sorted.size - 1) / 2] + sorted[sorted.size / 2]) / 2
    return samples.filterIndexed { row, _ -> norms[row] <= FAR * middle }
}

/**
 * Return times in seconds after the first, to milliseconds, with long gaps cut short: so float32 keeps differences.
 *
 * @param times Unix seconds, ascending.
 * @param longest gap that is kept, seconds.
 */
fun shortened(times: List<Double>, longest: Double): DoubleArray {
    val relative = times.map { Math.rint((it - times[0]) * 1e3) / 1e3 }
    val found = DoubleArray(times.size)
    for (row in 1 until times.size) found[row] = found[row - 1] + minOf(relative[row] - relative[row - 1], longest)
    return found
}

/**
 * Return at most so many rows, far apart in time: while there are more, the row goes that is closest to the one before
 * it; among equals the oldest.
 *
 * @param times seconds, ascending.
 */
fun thinOut(times: DoubleArray, most: Int): List<Int> {
    val rows = times.indices.toMutableList()
    val gaps = times.indices.map { if (it == 0) Double.POSITIVE_INFINITY else times[it] - times[it - 1] }.toMutableList()
    while (rows.size > most) {
        val place = gaps.indices.minByOrNull { gaps[it] } ?: break
        if (place + 1 < rows.size) gaps[place + 1] = times[rows[place + 1]] - times[rows[place - 1]]
        rows.removeAt(place)
        gaps.removeAt(place)
    }
    return rows
}

/**
 * Prepare the call of the method `adapt`.
 *
 * @param samples oldest first, at least one.
 */
fun adaptInputs(samples: List<Sample>, part: AdaptPart): AdaptInputs {
    val times = shortened(samples.map { it.capturedAt }, INDEPENDENT * (part.noiseSeconds.maxOrNull() ?: 0.0))
    val rows = thinOut(times, part.labels)
    val size = samples[0].feature.size
    val targets = samples[0].labels.size
    fun numbers(each: Int) = FloatArray(part.labels * each)
    val inputs = AdaptInputs(numbers(size), numbers(targets), numbers(1), numbers(1))
    rows.forEachIndexed { at, row ->
        samples[row].feature.copyInto(inputs.z, at * size)
        samples[row].labels.copyInto(inputs.y, at * targets)
        inputs.weight[at] = samples[row].weight
        inputs.time[at] = times[row].toFloat()
    }
    return inputs
}
