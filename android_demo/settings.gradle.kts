// For Android Studio. The same sources are compiled and tested by Maven (pom.xml), which needs no Android SDK.
pluginManagement {
    repositories {
        google()
        mavenCentral()
        gradlePluginPortal()
    }
}

dependencyResolutionManagement {
    repositories {
        google()
        mavenCentral()
    }
}

rootProject.name = "pen-mobile"
include(":core", ":app")
