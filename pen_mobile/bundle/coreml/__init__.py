"""Core ML packages: conversion, and evaluation of the saved programs without Apple hardware."""
