package penmobile.app

import android.app.job.JobInfo
import android.app.job.JobParameters
import android.app.job.JobScheduler
import android.app.job.JobService
import android.content.ComponentName
import android.content.Context
import penmobile.PenException
import java.io.IOException
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

private const val JOB = 1

/** Adapts once a day while the phone charges and is idle, if there are new labels: what the owner undid stays undone. */
class AdaptJob : JobService() {
    override fun onStartJob(parameters: JobParameters): Boolean {
        thread(name = "penmobile-job") {
            val again = try {
                Opening(applicationContext).open().use { if (it.hasNewLabels) it.adapt() }
                false
            } catch (error: PenException) {
                later(error)
            } catch (error: IOException) {
                later(error)
            }
            jobFinished(parameters, again)
        }
        return true
    }

    private fun later(error: Exception): Boolean {
        android.util.Log.w("penmobile", error.message, error)
        return true
    }

    /** A call of `adapt` takes less than a second and writes nothing before its end: it may go on. */
    override fun onStopJob(parameters: JobParameters): Boolean = false

    companion object {
        /** Ask for the job; asking again changes nothing. */
        fun schedule(context: Context) {
            val scheduler = context.getSystemService(JobScheduler::class.java)
            if (scheduler.getPendingJob(JOB) != null) return
            val job = JobInfo.Builder(JOB, ComponentName(context, AdaptJob::class.java))
                .setRequiresCharging(true)
                .setRequiresDeviceIdle(true)
                .setPeriodic(TimeUnit.DAYS.toMillis(1))
                .build()
            scheduler.schedule(job)
        }
    }
}
