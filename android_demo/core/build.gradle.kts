plugins {
    alias(libs.plugins.kotlin.jvm)
}

java {
    sourceCompatibility = JavaVersion.VERSION_1_8
    targetCompatibility = JavaVersion.VERSION_1_8
}

kotlin {
    compilerOptions {
        jvmTarget.set(org.jetbrains.kotlin.gradle.dsl.JvmTarget.JVM_1_8)
    }
}

sourceSets.main {
    resources.srcDir("../../export")
    resources.include("manifest.schema.json")
}

dependencies {
    testImplementation(libs.junit)
    testImplementation(libs.sqlite)
    testRuntimeOnly("org.junit.platform:junit-platform-launcher")
}

tasks.test {
    useJUnitPlatform()
    systemProperty("pen.repository", rootDir.parent)
}
